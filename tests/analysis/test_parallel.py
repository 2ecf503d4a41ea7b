import errno
import os

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis import parallel


def doubled(numbers):
    return [2 * number for number in numbers], os.getpid()


@pytest.mark.parametrize("rows", [0, parallel.MIN_PARALLEL_ROWS])
def test_parts_come_back_in_order_from_here_or_from_other_processes(rows):
    numbers = list(range(2 * parallel.CHUNK_SIZE + 1))
    parts = list(parallel.map_in_parallel(doubled, numbers, rows))
    assert [len(part) for part, _ in parts] == [parallel.CHUNK_SIZE, parallel.CHUNK_SIZE, 1]
    assert [number for part, _ in parts for number in part] == [2 * number for number in numbers]
    assert (os.getpid() in {process for _, process in parts}) == (rows == 0 or os.cpu_count() == 1)


def test_nothing_to_do_is_nothing():
    assert list(parallel.map_in_parallel(doubled, [], 0)) == []


def test_what_a_part_raises_is_raised_here():
    with pytest.raises(TypeError):
        list(parallel.map_in_parallel(doubled, [None], parallel.MIN_PARALLEL_ROWS))


def looked_at(frames):
    """The type of what holds the first frame's figures, and their sum."""
    (frame,) = frames
    held = frame["a"].to_numpy()
    while not isinstance(held, np.memmap) and held.base is not None:
        held = held.base
    return type(held), frame["a"].sum()


def test_a_mapped_value_is_the_same_and_processes_look_into_the_same_file(tmp_path):
    frame = pd.DataFrame({"a": np.arange(300_000.0), "b": 1.0, "c": pd.Categorical(["x", "y"] * 150_000)})
    mapped = parallel.share_memory(frame, tmp_path, parallel.MIN_PARALLEL_ROWS)
    assert mapped.equals(frame)
    assert looked_at([mapped])[0] is np.memmap and looked_at([frame])[0] is np.ndarray
    assert list(parallel.map_in_parallel(looked_at, [mapped], parallel.MIN_PARALLEL_ROWS)) == [
        (np.memmap, frame["a"].sum())
    ]


def test_few_rows_are_not_worth_a_file_and_without_room_there_is_none(tmp_path, monkeypatch):
    frame = pd.DataFrame({"a": [1.0]})
    assert parallel.share_memory(frame, tmp_path, parallel.MIN_PARALLEL_ROWS - 1) is frame and not list(
        tmp_path.iterdir()
    )

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(parallel, "dump", full)
    assert parallel.share_memory(frame, tmp_path, parallel.MIN_PARALLEL_ROWS) is frame
