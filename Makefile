# Everything runs in .venv/, which tools/set_up.py makes on first use: what running needs for `make run`, what the
# preview needs for `make preview`, and what developing needs for all else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch from an index of your own: make install TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
SET_UP := @$(PYTHON) tools/set_up.py --venv $(VENV) --torch-index "$(TORCH_INDEX)"
# Of `make soak`, what the tests run.
SHORT_SOAK := OMP_NUM_THREADS=1 $(BIN)/python benchmarks/soak.py --minutes 1
# By file, so that what a file loads is loaded once, and in the order that tests/conftest.py gives: the long ones first.
BY_FILE := --dist loadfile --no-loadscope-reorder
AGAIN := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --last-failed --last-failed-no-failures none
# What is compiled is kept, whatever is set elsewhere: the tests start many processes.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(BY_FILE)
# A quarter of the time of the fast ones is waiting: three workers keep two cores busy.
FAST := $(PYTEST) -n 3
# These kill, and measure how long something takes.
TESTS := $(PYTEST) -n 2

.PHONY: install run preview screenshots test test-again test-all test-slow slow slow-again short-soak short-soak-again test-long check fix lock bench soak clean

install:
	$(SET_UP) dev

run:
	$(SET_UP) run
	@$(BIN)/python bot.py

# The real bot in a simulated Discord, in the browser of this machine; no token.
preview:
	$(SET_UP) preview
	@$(BIN)/python bot.py preview

# The pictures in docs/images/, from the code as it is; needs Chromium.
screenshots: install
	$(BIN)/python benchmarks/screenshots.py

test: install
	$(FAST) -m "not slow"

# WHOLE: properties are tried with all their examples, of which test tries one in ten.
test-all: install
	WHOLE=1 $(TESTS)
	$(SHORT_SOAK)

# What test-all has and test has not.
test-slow: slow short-soak

slow: install
	WHOLE=1 $(TESTS) -m "slow or hypothesis"

short-soak: install
	$(SHORT_SOAK)

# What failed in the run before, alone.
test-again: install
	$(AGAIN) -m "not slow"

slow-again: install
	WHOLE=1 $(AGAIN) -m "slow or hypothesis"

short-soak-again: short-soak

# Each a quarter of an hour: kills and damages where a PostgreSQL server keeps the database, in full.
test-long: install
	LONG=1 WHOLE=1 $(TESTS) -k "many_times or many_random"

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Needs uv; the lock files are the same on every platform.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 pyproject.toml --generate-hashes \
  --no-emit-index-url --no-header --no-emit-package torch --no-emit-package triton \
  $(foreach p,$(CUDA),--no-emit-package $(p))
lock:
	$(COMPILE) --group dev --extra preview --output-file requirements-dev.lock
	$(COMPILE) --extra preview --constraint requirements-dev.lock --output-file requirements-preview.lock
	$(COMPILE) --constraint requirements-dev.lock --output-file requirements.lock
CUDA := cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc \
  nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver \
  nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx

bench: install
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/rebuild.py

# Twenty minutes with a faulty Discord; for less, add SOAK="--minutes 2".
soak: install
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/soak.py $(SOAK)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
