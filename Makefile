# Needs make and Python 3.11 or newer; everything else goes into the environment .venv.
#
#   make run    sets up once, then starts the dashboard on http://127.0.0.1:8000
#               (PORT=9000 for another port; every DEPTHBOARD_… variable is passed on)
#   make dev    the same, started anew whenever a file changes
#   make test   lint, types and all tests
#   make check  lint, types and the fast tests: in a minute, on SQLite, without processes and browsers
#   make lint   lint and types alone
#   make bench  measures training on this machine, and keeps the table in benchmarks/RESULTS.md
#   make long   all tests in their long forms: an hour
#   make gpu    tests and measurements on a CUDA device, with the Python that PYTHON names
#   make ray    installs the extra for clusters, whose tests are skipped without it
#   make lock   resolves the lock files anew (UPGRADE=1 for newer versions)
#
# The Dockerfile uses `make dependencies` and `make install` with VENV= naming its own environment.

PYTHON ?= python3
VENV ?= .venv
PYTEST_FLAGS ?= -n auto --dist loadfile --no-loadscope-reorder

# torch stands here and not in the lock, because its CPU and CUDA builds have different hashes.
# What torch needs is in the lock. TORCH_INDEX names an index to take another build from.
TORCH := 2.13.0
TORCH_NEEDS := filelock fsspec jinja2 networkx setuptools sympy typing-extensions
TORCH_INDEX ?=

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --no-input

# A checkout may have lost the modes of its files, and the command is one of them.
COMMAND := $(VENV)/bin/depthboard

# Without compiled modules, every process would compile them again.
unexport PYTHONDONTWRITEBYTECODE

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.PHONY: run dev test check long gpu lint bench dependencies postgres ray install lock

ifdef PORT
run dev: export DEPTHBOARD_PORT := $(PORT)
endif
run: $(VENV)/.editable
	@$(COMMAND) up

test: lint
	$(VENV)/bin/python -m pytest $(PYTEST_FLAGS)

check: lint
	$(VENV)/bin/python -m pytest -m fast $(PYTEST_FLAGS)

lint: $(VENV)/.editable $(VENV)/.development
	$(VENV)/bin/python -m ruff check
	$(VENV)/bin/python -m ruff format --check
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/oxlint static/js

dev: $(VENV)/.editable $(VENV)/.development
	@$(VENV)/bin/python -m watchfiles --sigint-timeout 20 '$(COMMAND) up' app trainer templates static

long: export DEPTHBOARD_RELIABILITY := 10
long: export DEPTHBOARD_REQUIRE_ALL := 1
long: test

gpu:
	PYTHONPATH=. $(PYTHON) benchmarks/gpu.py

bench: $(VENV)/.editable
	$(VENV)/bin/python benchmarks/training.py --write

dependencies: $(VENV)/.dependencies

postgres: $(VENV)/.dependencies
	$(PIP) install --require-hashes -r requirements-postgres.lock

ray: $(VENV)/.dependencies
	$(PIP) install --require-hashes -r requirements-ray.lock

install: $(VENV)/.dependencies
	$(PIP) install --no-deps --no-build-isolation .
	@chmod +x $(COMMAND)

define require_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
  "Depthboard needs Python 3.11 or newer, and '$(PYTHON)' is" \
  "$$($(PYTHON) --version 2>/dev/null || echo missing). Name another one: make PYTHON=python3.12 …" >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo \
  "'$(PYTHON)' cannot create environments: its venv or ensurepip module is missing." \
  "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
endef

# An environment is set up again when its lock changed; the package itself is linked, not copied.
$(VENV)/.dependencies: requirements.lock $(VENV)/.torch-index
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH)
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.dependencies
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.editable: pyproject.toml $(VENV)/.dependencies
	$(PIP) install --no-deps --no-build-isolation --editable .
	@chmod +x $(COMMAND)
	@touch $@

# Naming another index replaces the torch that is there; naming none keeps it.
ifneq ($(TORCH_INDEX),$(if $(TORCH_INDEX),$(shell cat $(VENV)/.torch-index 2>/dev/null)))
.PHONY: $(VENV)/.torch-index
endif
$(VENV)/.torch-index:
	$(require_python)
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) uninstall --yes torch)
	@echo '$(TORCH_INDEX)' > $@

COMPILE = CUSTOM_COMPILE_COMMAND='make lock' $$scratch/bin/pip-compile --quiet $(if $(UPGRADE),--upgrade) \
  --strip-extras --allow-unsafe --generate-hashes --no-annotate \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
READ_PROJECT = import tomllib; project = tomllib.load(open("pyproject.toml", "rb"));
RUNTIME = $(READ_PROJECT) print(*project["build-system"]["requires"], *"$(TORCH_NEEDS)".split(), \
  *(need for need in project["project"]["dependencies"] if not need.startswith("torch")), sep="\n")
EXTRA = $(READ_PROJECT) print(*project["project"]["optional-dependencies"]["$(1)"], sep="\n")

lock:
	$(require_python)
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv $$scratch && $$scratch/bin/pip install --quiet pip-tools==7.6.2 && \
	$(PYTHON) -c '$(RUNTIME)' | $(COMPILE) --output-file requirements.lock - && \
	$(PYTHON) -c '$(call EXTRA,postgres)' | $(COMPILE) --constraint requirements.lock \
	  --output-file requirements-postgres.lock - && \
	$(PYTHON) -c '$(call EXTRA,ray)' | $(COMPILE) --constraint requirements.lock \
	  --constraint requirements-postgres.lock --output-file requirements-ray.lock - && \
	$(PYTHON) -c '$(call EXTRA,dev)' | $(COMPILE) --constraint requirements.lock \
	  --constraint requirements-postgres.lock --constraint requirements-ray.lock \
	  --output-file requirements-dev.lock -
