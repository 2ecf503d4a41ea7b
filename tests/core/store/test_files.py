import os
from contextlib import suppress

import pytest

from dcbench.core.store.files import explain_os_error, explain_unwritable, overwrite, replace_folder, write_atomic
from dcbench.errors import ResultsError


def test_write_atomic_keeps_the_old_file_when_it_fails(tmp_path, monkeypatch):
    target = tmp_path / "x"
    write_atomic(target, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_overwrite_truncates_a_longer_file_and_creates_no_new_one(tmp_path):
    target = tmp_path / "x"
    target.write_text("much longer than before")
    overwrite(target, "short")
    assert target.read_text() == "short"
    with pytest.raises(FileNotFoundError):
        overwrite(tmp_path / "none", "text")


def test_a_writable_or_missing_folder_is_not_reported(tmp_path):
    assert explain_unwritable(tmp_path) is None and explain_unwritable(tmp_path / "none") is None


def list_files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_replace_folder_replaces_its_own_files_and_keeps_others(tmp_path):
    target = tmp_path / "report"
    for name in ("page", "notes"):
        with replace_folder(target) as fresh:
            (fresh / name).write_text("old")
            (fresh / "figures").mkdir()
            (fresh / "figures" / f"{name}.png").write_text("old")
    assert list_files(target) == ["figures/notes.png", "notes", "page"]
    (target / "figures" / "folder").mkdir()
    (target / "figures" / "data.xyz").write_text("the user's")
    (target / "figures" / "link").symlink_to(tmp_path)
    with replace_folder(target) as fresh:
        (fresh / "page").write_text("new")
        (fresh / "figures").mkdir()
        assert (target / "page").read_text() == "old"
    assert list_files(target) == ["figures/data.xyz", "notes", "page"]
    assert (target / "page").read_text() == "new" and tmp_path.exists()
    remaining = sorted(path.name for path in (target / "figures").iterdir())
    assert remaining == ["data.xyz", "folder", "link"], "files of other kinds are kept"


def test_replace_folder_keeps_the_old_folder_when_it_is_interrupted(tmp_path):
    target = tmp_path / "report"
    with replace_folder(target) as fresh:
        (fresh / "page").write_text("old")
    with suppress(KeyboardInterrupt), replace_folder(target) as fresh:
        (fresh / "page").write_text("new")
        raise KeyboardInterrupt
    assert list_files(target) == ["page"] and (target / "page").read_text() == "old"
    assert [path.name for path in target.iterdir()] == ["page"]


def test_replace_folder_keeps_the_new_files_when_moving_them_is_interrupted(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with suppress(KeyboardInterrupt), replace_folder(tmp_path / "report") as fresh:
        (fresh / "page").write_text("new")
    assert len(list((tmp_path / "report").glob(".new.*"))) == 1


def test_replace_folder_moves_the_page_after_the_files_in_folders(tmp_path, monkeypatch):
    moved, real = [], os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: moved.append(new) or real(old, new))
    with replace_folder(tmp_path / "report") as fresh:
        (fresh / "a page").write_text("")
        (fresh / "figures").mkdir()
        (fresh / "figures" / "z.png").write_text("")
    assert [path.name for path in moved] == ["z.png", "a page"]


@pytest.mark.parametrize("option", ["--results", "--out"])
def test_an_error_while_writing_names_the_option(tmp_path, option):
    with (
        pytest.raises(ResultsError, match=f"none.*No such file or directory.*with {option}"),
        explain_os_error(tmp_path, option),
    ):
        (tmp_path / "none" / "x").write_text("")


def test_a_folder_that_cannot_be_looked_at_is_reported_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert explain_unwritable(tmp_path / "file" / "below") == "Not a directory"

    def no_answer(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "statvfs", no_answer)
    assert explain_unwritable(tmp_path) == "Input/output error"
