from pathlib import Path

import pytest

from dcbench.core.matrix import yaml_source
from dcbench.errors import MatrixError


def test_values_know_their_positions():
    document = yaml_source.parse_yaml("a: 1e-3\nb:\n  - x\n  - {c: null}\n", "m.yaml")
    assert document.value == {"a": 0.001, "b": ["x", {"c": None}]}
    assert document.format_mistake(("b", 1, "c"), "bad") == "m.yaml:4:9: b.1.c: bad"
    assert document.format_mistake(("b", 1, "c"), "bad", at_key=True) == "m.yaml:4:6: b.1.c: bad"
    assert document.format_mistake(("b", 7), "gone") == "m.yaml:3:3: b.7: gone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "m.yaml:3:1: a: duplicate key; it is first set on line 1"),
        ("a: !!python/object:os.system 1\n", "m.yaml:1:4: a: YAML tag '!!python/object:os.system' is not allowed"),
        ("a: !secret x\n", "YAML tag '!secret' is not allowed"),
        ("a: 2020-01-01\n", "quoted if it is text"),
        ("a:\n\t- 1\n", "m.yaml:2:1: not valid YAML"),
        ("a:\n\t- 1\n", "indent with spaces, not tabs"),
        ("a: [1,\n", "not valid YAML"),
        ("a: &z [1, *z]\n", "an alias inside its own anchor"),
        ("? [1, 2]\n: 3\n", "a key must be a plain word"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: \x00\n", "not valid YAML"),
        ("a: !!int abc\n", "YAML tag '!!int' is not allowed"),
        ("a: &b !!str mnist\n", "YAML tag '!!str' is not allowed"),
        ("a: !!map [1]\n", "YAML tag"),
        ("a: " + "9" * 5000 + "\n", "m.yaml:1:4: a: not a value"),
        ("[" * 3000, "nested too deeply"),
    ],
)
def test_anything_but_plain_yaml_is_reported_with_its_position(text, expected):
    with pytest.raises(MatrixError) as caught:
        yaml_source.parse_yaml(text, "m.yaml")
    assert expected in str(caught.value)


def test_all_mistakes_are_reported_together():
    with pytest.raises(MatrixError) as caught:
        yaml_source.parse_yaml("a: 1\na: 2\nb: !x 1\n", "m.yaml")
    assert len(caught.value.mistakes) == 2


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "no such file. There are: "),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not a YAML file: byte 0"),
    ],
)
def test_files_that_cannot_be_read_are_reported_with_the_reason(tmp_path: Path, make, expected):
    (tmp_path / "other.yaml").write_text("a: 1\n")
    make(tmp_path / "m.yaml")
    with pytest.raises(MatrixError) as caught:
        yaml_source.read_yaml(tmp_path / "m.yaml")
    assert expected in str(caught.value)
    assert "m.yaml" in str(caught.value)


def test_anchors_and_aliases_are_allowed():
    assert yaml_source.parse_yaml("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "m.yaml").value == {
        "a": 1,
        "b": 1,
        "c": 2,
        "d": 2,
    }
