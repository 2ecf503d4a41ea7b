import numpy as np
from sklearn.datasets import load_digits

from dcbench.core.spec import make_spec
from dcbench.training.datasets import digits


def test_the_last_fifth_is_the_test_split_and_grey_values_reach_0_and_255(tmp_path):
    train, _, first = digits.load(tmp_path, make_spec({}), train=True)
    test, labels, last = digits.load(tmp_path, make_spec({}), train=False)
    whole = load_digits()
    assert (len(train), len(test)) == (1438, 359) and len(train) + len(test) == len(whole.target)
    assert [*first, *last] == list(range(1797))
    assert (labels == whole.target[-359:]).all()
    assert train.max() == 255 and train.min() == 0
    assert np.abs(train[:, 0] / (255 / 16) - whole.images[:1438]).max() < 0.05
