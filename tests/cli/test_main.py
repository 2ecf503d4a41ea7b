import subprocess
import sys

import pytest

import dcbench
from dcbench import cli
from dcbench.errors import MatrixError, ResultsError
from tests.helpers.command_line import MATRICES, MATRIX, RUN, shell

HEAVY = ("torch", "torchvision", "faiss", "sklearn", "scipy", "pandas", "matplotlib")


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        (("plan", "none.yaml"), MatrixError, "no such file. There are: m.yaml"),
        (("plan", "."), MatrixError, "is a directory"),
        (("run", "m.yaml", "--device", "tpu"), Exception, "unknown device"),
        (("status", "nowhere"), ResultsError, "no such results folder"),
        (("report", "nowhere"), ResultsError, "no such results folder"),
        (("compare", "nowhere", "neither"), ResultsError, "no such results folder"),
        (("replay", "nowhere"), ResultsError, "is not the folder of a run"),
        (("replay", "."), ResultsError, "is not the folder of a run"),
        (("recompute", "nowhere"), ResultsError, "no such results folder"),
        (("inspect", "nowhere"), ResultsError, "is not the folder of a run"),
    ],
)
def test_bad_input_raises_an_error_of_dcbench(call, arguments, error, expected):
    result = call(*arguments)
    assert isinstance(result.exception, error) and expected in str(result.exception)


def test_errors_go_to_stderr_without_a_traceback_and_exit_with_2(tmp_path):
    (tmp_path / "m.yaml").write_text(MATRIX.replace("adam", "adma").replace("sgd", "sdg"))
    result = shell("plan", "m.yaml", cwd=tmp_path)
    assert result.returncode == 2 and result.stdout == "" and "Traceback" not in result.stderr
    assert "m.yaml:2:20: axes.optimizer.0" in result.stderr and "m.yaml:2:25: axes.optimizer.1" in result.stderr
    assert "Traceback" in shell("--debug", "plan", "m.yaml", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["plan", str(MATRICES / "mnist_cifar.yaml")],
        ["plan", "--help"],
        ["status", "results"],
        ["status", "RUN"],
        ["status", "RUN", "RUN"],
        ["parity", "--help"],
        ["compare", "--help"],
        ["recompute", "--help"],
        ["inspect", "--help"],
    ],
)
def test_commands_that_do_not_train_import_no_heavy_library(call, tmp_path, arguments):
    call(*RUN)
    run = next(path.parent for path in tmp_path.glob("results/m/*/spec.yaml"))
    code = f"""
import sys
sys.argv = ["dcbench", *{[str(run) if word == "RUN" else word for word in arguments]!r}]
from dcbench.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.endswith("heavy: []\n")


def test_every_command_has_help_and_is_in_the_readme():
    readme = (MATRICES.parent / "README.md").read_text()
    assert len(cli.app.registered_commands) >= 10
    for command in cli.app.registered_commands:
        name = (command.name or command.callback.__name__).replace("_", "-")
        assert command.callback.__doc__ and f"dcbench {name}" in readme


def test_version_is_printed(call):
    assert call("--version").stdout.strip() == f"dcbench {dcbench.__version__}"


def test_a_file_that_cannot_be_read_is_an_error_without_a_traceback(tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "results/m/matrix.yaml")

    monkeypatch.setattr(cli, "app", refuse)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: results/m/matrix.yaml: Permission denied\n"
