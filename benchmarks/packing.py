"""Simulate 288 runs on four cards and write docs/packing.csv: `python -m benchmarks.packing`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.helpers.simulation import Simulated, simulate

TABLE = Path(__file__).parent.parent / "docs" / "packing.csv"
HEADER = "runs on a card,sharing,minutes,least possible,ratio,fullest card,most at once"


@dataclass(frozen=True)
class Case:
    packed: bool
    slowdown: float


CASES = (Case(False, 1.0), Case(True, 1.0), Case(True, 1.3))


def format_row(case: Case, simulated: Simulated) -> str:
    packed = "as many as fit" if case.packed else "one"
    sharing = ("free" if case.slowdown == 1 else f"{case.slowdown - 1:.0%} slower") if case.packed else "none"
    figures = f"{simulated.minutes:.0f},{simulated.least:.0f},{simulated.minutes / simulated.least:.2f}"
    return f"{packed},{sharing},{figures},{simulated.fullest:.0f} of 80 GB,{simulated.most_at_once}"


def main() -> None:
    rows = [HEADER]
    for case in CASES:
        with TemporaryDirectory() as folder:
            rows.append(format_row(case, simulate(Path(folder), case.packed, case.slowdown)))
    TABLE.write_text("\n".join(rows) + "\n")
    print(TABLE.read_text(), end="")


if __name__ == "__main__":
    main()
