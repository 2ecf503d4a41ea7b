"""Run folders with made-up metrics."""

from __future__ import annotations

from dcbench.core.store.run_state import RunState

TEXT = "name: m\naxes: {optimizer: [sgd, adam], k: [5, 6], limit: [null, 500]}\nsettings: {epochs: 2, pca_dim: 8}\n"


def fill(folder, run_id, spec, epochs=2, state="done", nmi=0.5, **scores):
    run = folder.run_dir(run_id)
    run.prepare(spec)
    for epoch in range(epochs + 1):
        trained = {"loss": 1.0, "pseudo_label_accuracy": 0.7, "nmi_previous": 0.6} if epoch else {}
        run.append_metrics(
            {"epoch": epoch, "reassigned": 1, "nmi_true": nmi + 0.1 * epoch, "seconds_pca": 0.5} | trained | scores
        )
    run.write_state(RunState(name=state, seconds=1.0))
    return run
