"""The errors that a user can mend; each message says what is wrong, where, and what to do.

DcbenchError            shown without a traceback, exit code 2
├── MatrixError         mistakes in a matrix file, all of them at once
├── SpecError           a run spec that does not hold together
├── PluginError         no such dataset, architecture, backend, ..., or one whose file cannot be used
├── DataError           a dataset that is missing, torn or unfit
├── DeviceError         a device that this machine does not have
├── PortError           a port that cannot be listened on
└── ResultsError        a results or run folder that is not what it should be
    └── ClaimedError    the run is being worked on by another process
RunFailedError          ends one run and never another; carries the kind of the failure
└── NotFiniteError      loss or features became NaN or infinite (kind `nan`)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal


class DcbenchError(Exception):
    """Something that the user can mend; the message says all that is needed."""


class MatrixError(DcbenchError):
    """Every mistake in one matrix file, one line each."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class SpecError(DcbenchError):
    """A run spec with an unknown field or an impossible value."""


class PluginError(DcbenchError):
    """A plug-in that does not exist, or whose file cannot be used."""


class DataError(DcbenchError):
    """A dataset that is missing, torn or unfit for the run."""


class DeviceError(DcbenchError):
    """A device that this machine does not have."""


class PortError(DcbenchError):
    """A port that cannot be listened on."""


class ResultsError(DcbenchError):
    """A results or run folder that is not what it should be."""


class ClaimedError(ResultsError):
    """Another live process holds the run's claim."""


class RunFailedError(Exception):
    """Ends one run; `kind` is one of the failure kinds of its state."""

    kind: Literal["error", "nan"] = "error"


class NotFiniteError(RunFailedError):
    """The loss or the features became NaN or infinite."""

    kind = "nan"


def unknown_name(kind: str, word: object, known: Iterable[str]) -> str:
    """Return the message for an unknown name: the nearest known name, and all known names."""
    names = list(known)
    near = difflib.get_close_matches(str(word), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {word!r}.{hint} Known: {', '.join(names) or 'none'}"
