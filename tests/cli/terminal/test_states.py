import io

from rich.console import Console

from dcbench.cli.terminal import states
from dcbench.core import console
from dcbench.core.store import status
from dcbench.core.store.run_state import RunState


def test_reasons_are_shown_without_markup(entries, terminal):
    failed = RunState(name="failed", kind="error", reason="[bold]no[/bold] [/]")
    states.show_states("m", [status.PlannedRun(spec=entries[0].spec, folder=entries[0].folder, state=failed)])
    assert "[bold]no[/bold] [/]" in terminal.getvalue()


def test_run_ids_are_not_shortened_on_a_narrow_terminal(entries, monkeypatch):
    stdout = Console(file=io.StringIO(), width=40, color_system=None, soft_wrap=True)
    monkeypatch.setattr(console, "stdout", stdout)
    states.show_states("m", entries)
    assert all(entry.folder.path.name in stdout.file.getvalue() for entry in entries)
