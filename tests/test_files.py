import os

import pytest

from dcbench.files import unwritable, write_aside, write_over


def test_write_aside_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    target = tmp_path / "x"
    write_aside(target, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_aside(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_write_over_leaves_nothing_of_a_longer_file_and_makes_none(tmp_path):
    target = tmp_path / "x"
    target.write_text("much longer than before")
    write_over(target, "short")
    assert target.read_text() == "short"
    with pytest.raises(FileNotFoundError):
        write_over(tmp_path / "none", "text")


def test_a_folder_that_can_be_written_or_is_not_there_yet_is_no_problem(tmp_path):
    assert unwritable(tmp_path) is None and unwritable(tmp_path / "none") is None
