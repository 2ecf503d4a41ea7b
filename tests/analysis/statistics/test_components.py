import math

import numpy as np
import pytest

from dcbench.analysis.statistics.components import estimate_components


def test_the_components_of_a_table_by_hand():
    # Means of the seeds 2 and 4, of the cells 2, 4 and 3; what is left of each difference is -1, 0, 1, 1, 0, -1.
    components = estimate_components(np.array([[0.0, 3.0, 3.0], [4.0, 5.0, 3.0]]))
    assert components.effect == 3 and (components.seed_means, components.cell_means) == (2, 1)
    assert components.residual == 4 / 2
    assert components.seed_by_effect == pytest.approx(2 - 2 / 3)
    assert components.cell_by_effect == pytest.approx(1 - 2 / 2)


def test_planted_variances_come_back_on_average():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        differences = 0.1 + rng.normal(0, 0.06, (3, 1)) + rng.normal(0, 0.03, (1, 4)) + rng.normal(0, 0.05, (3, 4))
        components = estimate_components(differences)
        found.append([components.effect, components.seed_by_effect, components.cell_by_effect, components.residual])
    assert np.mean(found, axis=0) == pytest.approx([0.1, 0.06**2, 0.03**2, 0.05**2], rel=0.06)


def test_what_a_design_cannot_tell_apart_is_empty():
    one_cell = estimate_components(np.array([[0.1], [0.3]]))
    assert one_cell.seed_means == pytest.approx(0.02) and math.isnan(one_cell.residual)
    one_seed = estimate_components(np.array([[0.1, 0.3]]))
    assert one_seed.effect == pytest.approx(0.2) and math.isnan(one_seed.seed_means)
    assert one_seed.cell_means == pytest.approx(0.02)
