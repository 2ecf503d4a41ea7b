import json

from tests.cli.conftest import MATRICES, RUN


def test_plan_says_96_cells_and_288_runs(call):
    told = json.loads(call("plan", str(MATRICES / "mnist_cifar.yaml"), "--json").stdout)
    steps = {"product": 96, "exclude": 96, "include": 96, "overrides": 96, "seeds": 288, "duplicates": 288}
    assert told == {"cells": 96, "runs": 288, "baselines": 66, "done": 0, "steps": steps}


def test_plan_prints_steps_axes_and_what_is_done(call):
    out = call("plan", "m.yaml").stdout
    for expected in ("2 cells, 4 runs", "product and zip", "duplicates dropped", "sgd, adam", "0 of 4 done"):
        assert expected in out
    call(*RUN)
    assert "4 of 4 done" in call("plan", "m.yaml").stdout
    assert json.loads(call("plan", "m.yaml", "--json").stdout)["done"] == 4
