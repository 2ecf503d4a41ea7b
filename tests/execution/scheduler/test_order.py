import pytest

from dcbench.errors import SpecError
from dcbench.execution.scheduler.history import ExpectedCost
from dcbench.execution.scheduler.order import parse_choices, urgency
from tests.helpers.matrices import plan_of

PLAN = plan_of("name: m\naxes: {dataset: [mnist, cifar10], k: [5, 10]}\nseeds: [0, 1]\n").runs


def ordered(costs, first=()):
    ranked = sorted(PLAN, key=lambda spec: urgency(spec, costs(spec), lambda memory: (memory or 1) / 10, first))
    return [(spec.dataset, spec.k, spec.seed) for spec in ranked]


def test_the_longest_come_first_and_equals_stay_in_the_plans_order():
    told = ordered(lambda spec: ExpectedCost(10.0 if spec.k == 10 else 5.0, 1.0))
    assert [k for _, k, _ in told] == [10, 10, 10, 10, 5, 5, 5, 5]
    assert told[:4] == [("mnist", 10, 0), ("mnist", 10, 1), ("cifar10", 10, 0), ("cifar10", 10, 1)]


def test_long_means_much_of_a_device_for_long():
    told = ordered(lambda spec: ExpectedCost(10.0, 8.0) if spec.k == 5 else ExpectedCost(20.0, 2.0))
    assert [k for _, k, _ in told][:4] == [5, 5, 5, 5]


def test_what_nothing_is_known_of_comes_before_what_is_known():
    told = ordered(lambda spec: ExpectedCost() if spec.dataset == "cifar10" else ExpectedCost(1e6, 9.0))
    assert [name for name, _, _ in told][:4] == ["cifar10"] * 4


def test_chosen_cells_come_first():
    first = parse_choices(["dataset=cifar10,k=5"], PLAN)
    assert ordered(lambda spec: ExpectedCost(10.0 if spec.k == 10 else 5.0, 1.0), first)[:2] == [
        ("cifar10", 5, 0), ("cifar10", 5, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("dataset", "expected field=value"),
        ("datset=mnist", "Did you mean 'dataset'"),
        ("k=7", "no planned run is so. Planned are k: 5, 10"),
        ("dataset=mnist,k=7", "dataset: mnist, cifar10; k: 5, 10"),
    ],
)
def test_a_wrong_choice_is_told(word, told):
    with pytest.raises(SpecError, match=told):
        parse_choices([word], PLAN)
