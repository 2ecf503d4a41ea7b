import pytest

from tests.helpers.own_plugins import write_plugin

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


def test_a_valid_file_passes_every_check(call, file):
    process = call("check-plugin", str(file))
    assert process.exit_code == 0, process.output
    assert process.output.count("passed  ") >= 4 and "every check passed; use it with --plugins" in process.output


def test_a_fault_is_printed_below_its_check_and_the_exit_code_is_1(call, file):
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
def test_files_that_are_not_plugins_are_refused(call, file, tmp_path, name, expected):
    for other in ("loose.py", "archs/Tiny.py"):
        (tmp_path / "parts" / other).write_text(TINY)
    process = call("check-plugin", str(tmp_path / name))
    assert expected in str(process.exception)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"features_32": 16', '"feature_32": 16', "unknown key of FACTS 'feature_32'. Did you mean 'features_32'?"),
        ('"features_32": 16', '"features_32": "16"', "FACTS['features_32'] must be a whole number, not '16'"),
        ("return nn", "return = nn", "small_one.py:6: not valid Python"),
    ],
)
def test_a_file_that_planning_cannot_use_is_refused_with_the_reason(call, file, old, new, expected):
    file.write_text(TINY.replace(old, new))
    assert expected in str(call("check-plugin", str(file)).exception)


def test_a_check_that_hangs_ends_with_the_timeout_and_names_the_line(call, file):
    file.write_text(TINY.replace("    features =", "    while True: pass\n    features ="))
    process = call("check-plugin", str(file), "--timeout", "0.2s")
    assert process.exit_code == 1
    assert " ".join(process.output.split()).count("it did not end within 0.2 s; it was in build, ") == 5, process.output


def test_a_dataset_that_takes_an_argument_asks_for_it(call, tmp_path):
    path = write_plugin(tmp_path / "parts", 'FACTS = {"argument": "PATH", "channels": 1}\n', "datasets", "folder")
    asked = call("check-plugin", str(path))
    assert "needs its PATH: folder:PATH; give it with --argument" in str(asked.exception)
    given = call("check-plugin", str(path.parents[1] / "archs" / "small_one.py"), "--argument", "x")
    assert "no such file" in str(given.exception)


def test_a_plugin_is_checked_through_a_symbolic_link_to_its_folder(call, file, tmp_path):
    (tmp_path / "link").symlink_to(file.parents[1])
    assert call("check-plugin", str(tmp_path / "link" / "archs" / file.name)).exit_code == 0
