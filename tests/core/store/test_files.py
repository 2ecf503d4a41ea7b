import os
from contextlib import suppress

import pytest

from dcbench.core.store.files import explain_os_error, explain_unwritable, overwrite, replace_folder, write_atomic
from dcbench.errors import ResultsError


def test_write_aside_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    target = tmp_path / "x"
    write_atomic(target, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_write_over_leaves_nothing_of_a_longer_file_and_makes_none(tmp_path):
    target = tmp_path / "x"
    target.write_text("much longer than before")
    overwrite(target, "short")
    assert target.read_text() == "short"
    with pytest.raises(FileNotFoundError):
        overwrite(tmp_path / "none", "text")


def test_a_folder_that_can_be_written_or_is_not_there_yet_is_no_problem(tmp_path):
    assert explain_unwritable(tmp_path) is None and explain_unwritable(tmp_path / "none") is None


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_written_aside_takes_the_old_ones_place(tmp_path):
    target = tmp_path / "report"
    for kept in ("page", "notes of somebody"):
        with replace_folder(target) as fresh:
            (fresh / kept).write_text("old")
            (fresh / "figures").mkdir()
            (fresh / "figures" / f"{kept}.png").write_text("old")
    assert names(target) == ["figures/notes of somebody.png", "notes of somebody", "page"]
    (target / "figures" / "folder").mkdir()
    (target / "figures" / "data.xyz").write_text("somebody's")
    (target / "figures" / "link").symlink_to(tmp_path)
    with replace_folder(target) as fresh:
        (fresh / "page").write_text("new")
        (fresh / "figures").mkdir()
        assert (target / "page").read_text() == "old"
    assert names(target) == ["figures/data.xyz", "notes of somebody", "page"]
    assert (target / "page").read_text() == "new" and tmp_path.exists()
    left = sorted(path.name for path in (target / "figures").iterdir())
    assert left == ["data.xyz", "folder", "link"], "what is not of our kinds stays"


def test_a_folder_that_is_not_finished_leaves_the_old_one_as_it_was(tmp_path):
    target = tmp_path / "report"
    with replace_folder(target) as fresh:
        (fresh / "page").write_text("old")
    with suppress(KeyboardInterrupt), replace_folder(target) as fresh:
        (fresh / "page").write_text("new")
        raise KeyboardInterrupt
    assert names(target) == ["page"] and (target / "page").read_text() == "old"
    assert [path.name for path in target.iterdir()] == ["page"]


def test_one_that_is_stopped_while_files_take_their_places_leaves_a_trace(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with suppress(KeyboardInterrupt), replace_folder(tmp_path / "report") as fresh:
        (fresh / "page").write_text("new")
    assert len(list((tmp_path / "report").glob(".new.*"))) == 1


def test_what_stands_beside_others_comes_after_what_is_in_folders(tmp_path, monkeypatch):
    moved, real = [], os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: moved.append(new) or real(old, new))
    with replace_folder(tmp_path / "report") as fresh:
        (fresh / "a page").write_text("")
        (fresh / "figures").mkdir()
        (fresh / "figures" / "z.png").write_text("")
    assert [path.name for path in moved] == ["z.png", "a page"]


@pytest.mark.parametrize("option", ["--results", "--out"])
def test_what_cannot_be_written_is_an_error_that_names_the_option(tmp_path, option):
    with (
        pytest.raises(ResultsError, match=f"none.*No such file or directory.*with {option}"),
        explain_os_error(tmp_path, option),
    ):
        (tmp_path / "none" / "x").write_text("")
