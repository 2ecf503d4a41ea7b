import faiss
import pytest
import threadpoolctl
import torch

from dcbench.training import threads


@pytest.fixture(autouse=True)
def _restore_threads():
    before = torch.get_num_threads()
    yield
    threads.limit_threads(before)


@pytest.mark.parametrize("count", [1, 2])
def test_every_library_uses_the_given_number_of_threads(count):
    threads.limit_threads(count)
    assert torch.get_num_threads() == count and faiss.omp_get_max_threads() == count
    pools = threadpoolctl.threadpool_info()
    assert pools and {pool["num_threads"] for pool in pools} == {count}, pools
