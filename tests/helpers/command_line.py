"""Calls a command in a process of its own, and the small matrix that the tests of the commands run."""

from __future__ import annotations

import os
import subprocess

from tests.helpers.matrices import TINY
from tests.helpers.paths import TOP
from tests.helpers.processes import bound_python

MATRICES = TOP / "matrices"


MATRIX = f"name: m\naxes: {{optimizer: [sgd, adam]}}\nseeds: [0, 1]\nsettings: {TINY}\n"


RUN = ("run", "m.yaml", "--executor", "inline", "--device", "cpu")


ON_CPU = os.environ | {"CUDA_VISIBLE_DEVICES": ""}


def shell(*arguments, cwd, environment=ON_CPU):
    command = bound_python("-m", "dcbench", *arguments)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
