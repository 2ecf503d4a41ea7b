import os
import signal

from dcbench.execution.scheduler.settings import InterruptCounter


def test_signals_are_counted_and_nothing_is_raised():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupts = InterruptCounter()
    with interrupts.counting():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupts.count == 2
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
