import pytest

TINY = """from torch import nn
FACTS = {"features_32": 16, "features_224": 16, "smallest_image": 8}
def build(spec):
    features = 16 if spec.geometry == 32 else int(16 * spec.width)
    pool = nn.AdaptiveAvgPool2d(4)
    return nn.Sequential(pool, nn.Flatten(), nn.Linear(16 * spec.input_channels, features))
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "parts" / "archs").mkdir(parents=True)
    path = tmp_path / "parts" / "archs" / "small_one.py"
    path.write_text(TINY)
    return path


def test_a_sound_file_passes_every_check(call, file):
    process = call("check-plugin", str(file))
    assert process.exit_code == 0, process.output
    assert process.output.count("passed  ") >= 4 and "every check passed; use it with --plugins" in process.output


def test_a_fault_is_named_below_its_check_and_the_exit_code_is_1(call, file):
    file.write_text(TINY.replace('"features_32": 16', '"features_32": 17'))
    process = call("check-plugin", str(file))
    assert process.exit_code == 1 and "FAILED  Features have the size that FACTS states" in process.output
    assert "features (2, 16), expected (2, 17)" in process.output and "1 check failed" in process.output


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("parts/archs/none.py", "no such file"),
        ("parts/loose.py", "must be in a folder of its kind: datasets, archs"),
        ("parts/archs/Tiny.py", "begins with a lower-case letter"),
    ],
)
def test_files_that_are_no_plugins_are_refused(call, file, tmp_path, name, expected):
    for other in ("loose.py", "archs/Tiny.py"):
        (tmp_path / "parts" / other).write_text(TINY)
    process = call("check-plugin", str(tmp_path / name))
    assert expected in str(process.exception)
