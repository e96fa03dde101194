# Everything starts from python3 with venv, make and the package index.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test test-extras lint bench clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -e ".[dev]"
	touch $@

demo: $(VENV)/.installed  ## simulate, ingest, run the four steps and HAIM, print the table and one explanation
	$(BIN)/xhaim demo --out demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest

BROWSER_TESTS := $(wildcard tests/*/test_*_browser.py)

test-extras: $(VENV)/.installed  ## what is optional: other encoders, more machines, pages in the system's Chromium
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -e ".[openvino,onnx,ray,browser]"
	$(BIN)/python -m pytest tests/retrieve/test_encoder_backends.py tests/run/test_run_engine_ray.py $(BROWSER_TESTS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.demo_run

clean:
	rm -rf demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
