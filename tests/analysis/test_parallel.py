import errno
import os

import numpy as np
import pandas as pd
import pytest

from dcbench.analysis import parallel


def double_numbers(numbers):
    return [2 * number for number in numbers], os.getpid()


@pytest.mark.parametrize("rows", [0, parallel.MIN_PARALLEL_ROWS])
def test_chunks_are_returned_in_order_from_this_or_other_processes(rows):
    numbers = list(range(2 * parallel.CHUNK_SIZE + 1))
    chunks = list(parallel.map_in_parallel(double_numbers, numbers, rows))
    assert [len(chunk) for chunk, _ in chunks] == [parallel.CHUNK_SIZE, parallel.CHUNK_SIZE, 1]
    assert [number for chunk, _ in chunks for number in chunk] == [2 * number for number in numbers]
    assert (os.getpid() in {process for _, process in chunks}) == (rows == 0 or os.cpu_count() == 1)


def test_without_items_there_are_no_chunks():
    assert list(parallel.map_in_parallel(double_numbers, [], 0)) == []


def test_an_exception_in_a_chunk_is_raised():
    with pytest.raises(TypeError):
        list(parallel.map_in_parallel(double_numbers, [None], parallel.MIN_PARALLEL_ROWS))


def describe_memory(frames):
    """Return the type of the array that holds the values of the first frame, and their sum."""
    (frame,) = frames
    buffer = frame["a"].to_numpy()
    while not isinstance(buffer, np.memmap) and buffer.base is not None:
        buffer = buffer.base
    return type(buffer), frame["a"].sum()


def test_shared_memory_keeps_the_values_and_is_mapped_in_other_processes(tmp_path):
    frame = pd.DataFrame({"a": np.arange(300_000.0), "b": 1.0, "c": pd.Categorical(["x", "y"] * 150_000)})
    mapped = parallel.share_memory(frame, tmp_path, parallel.MIN_PARALLEL_ROWS)
    assert mapped.equals(frame)
    assert describe_memory([mapped])[0] is np.memmap and describe_memory([frame])[0] is np.ndarray
    assert list(parallel.map_in_parallel(describe_memory, [mapped], parallel.MIN_PARALLEL_ROWS)) == [
        (np.memmap, frame["a"].sum())
    ]


def test_few_rows_or_a_full_disk_leave_the_frame_in_memory(tmp_path, monkeypatch):
    frame = pd.DataFrame({"a": [1.0]})
    assert parallel.share_memory(frame, tmp_path, parallel.MIN_PARALLEL_ROWS - 1) is frame and not list(
        tmp_path.iterdir()
    )

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(parallel, "dump", full)
    assert parallel.share_memory(frame, tmp_path, parallel.MIN_PARALLEL_ROWS) is frame
