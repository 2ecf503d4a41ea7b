import os
import signal
import threading

from dcbench.execution.scheduler.settings import InterruptCounter


def test_signals_are_counted_and_not_raised():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupts = InterruptCounter()
    with interrupts.counting():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupts.count == 2
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_in_another_thread_nothing_is_counted_and_no_handler_changes():
    handler, seen = signal.getsignal(signal.SIGINT), []

    def count():
        with InterruptCounter().counting():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    assert seen == [handler]
