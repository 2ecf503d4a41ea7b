"""Which runs come first: the chosen cells, then what nothing is known of, then the longest.

The longest first, since what starts last decides when the matrix ends. Long means much of a device for long: seconds
times the share of the device, which on a CPU is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dcbench.core.spec import RunSpec, format_value, list_matrix_fields
from dcbench.errors import SpecError, unknown_name
from dcbench.execution.scheduler.history import ExpectedCost

Choice = dict[str, str]
"""Field -> value as a person writes it: a cell is chosen when all agree."""


def parse_choices(words: Sequence[str], specs: Sequence[RunSpec]) -> list[Choice]:
    """`dataset=mnist,arch=vgg16`, once or more; SpecError for an unknown field, and for one that chooses nothing."""
    found = []
    for word in words:
        pairs = [pair.partition("=") for pair in word.split(",")]
        for name, equals, _ in pairs:
            if not equals:
                raise SpecError(f"--first {word}: expected field=value[,field=value...], not {name!r}")
            if name not in (*list_matrix_fields(), "seed"):
                raise SpecError(f"--first {word}: {unknown_name('field', name, [*list_matrix_fields(), 'seed'])}")
        choice = {name: value for name, _, value in pairs}
        if not any(is_chosen(spec, [choice]) for spec in specs):
            told = "; ".join(f"{name}: {', '.join(_values(name, specs))}" for name in choice)
            raise SpecError(f"--first {word}: no planned run is so. Planned are {told}")
        found.append(choice)
    return found


def _values(name: str, specs: Sequence[RunSpec]) -> list[str]:
    return list(dict.fromkeys(format_value(getattr(spec, name)) for spec in specs))


def is_chosen(spec: RunSpec, listed: Sequence[Choice]) -> bool:
    """Whether the run is of a chosen cell."""
    return any(all(format_value(getattr(spec, name)) == value for name, value in choice.items()) for choice in listed)


def urgency(
    spec: RunSpec, expected: ExpectedCost, share: Callable[[float | None], float], first: Sequence[Choice]
) -> tuple[bool, bool, float]:
    """A key to sort by, the most urgent lowest; equal ones stay in the plan's order."""
    weight = (expected.seconds or 0.0) * share(expected.memory_mb)
    return not is_chosen(spec, first), expected.seconds is not None, -weight
