import faiss
import pytest
import threadpoolctl
import torch

from dcbench.training import threads


@pytest.fixture(autouse=True)
def _as_before():
    before = torch.get_num_threads()
    yield
    threads.limit_threads(before)


@pytest.mark.parametrize("count", [1, 2])
def test_every_library_computes_with_that_many(count):
    threads.limit_threads(count)
    assert torch.get_num_threads() == count and faiss.omp_get_max_threads() == count
    pools = threadpoolctl.threadpool_info()
    assert pools and {pool["num_threads"] for pool in pools} == {count}, pools
