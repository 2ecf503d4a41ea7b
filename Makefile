# `make demo` and `make test` are all that a new machine with Python 3.11+ and make needs.
SHELL := bash
PYTHON ?= python3
UV := $(shell command -v uv)
INSTALL := $(if $(UV),uv pip install -q --python .venv/bin/python,.venv/bin/python -m pip install -q)
SOURCES := pyproject.toml

# compiled bytecode halves the time of every import of torch, faiss and scikit-learn
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow lint readme-figures notebook clean

demo: .venv/installed
	.venv/bin/dcbench run matrices/quickstart.yaml
	.venv/bin/dcbench report results/quickstart
	@echo "open reports/quickstart/index.html"

# two workers, one thread each: libraries that start more threads than there are cores wait for each other
test: .venv/installed-test
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 --dist loadgroup -m "not slow"

test-slow: .venv/installed-test
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 --dist loadgroup -m slow

lint: .venv/installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

# the README's picture, from the demo's results
readme-figures: demo
	cp reports/quickstart/figures/curves_optimizer.png docs/quickstart.png

# docs/small_cpu.ipynb, executed again on the committed results
notebook: .venv/installed-dev
	$(INSTALL) nbclient ipykernel
	.venv/bin/python -m benchmarks.notebook
	.venv/bin/ruff format -q docs/small_cpu.ipynb

clean:
	rm -rf .venv build *.egg-info

.venv/bin/python:
	$(if $(UV),uv venv -q --python $(PYTHON) .venv,$(PYTHON) -m venv .venv) || { rm -rf .venv; exit 1; }

.venv/installed: $(SOURCES) | .venv/bin/python
	$(INSTALL) -e .
	@touch $@

.venv/installed-test: $(SOURCES) | .venv/bin/python
	$(INSTALL) -e '.[test]'
	@touch $@ .venv/installed

.venv/installed-dev: $(SOURCES) | .venv/bin/python
	$(INSTALL) -e '.[dev]'
	@touch $@ .venv/installed-test .venv/installed
