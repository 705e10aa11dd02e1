# Shortcuts; README.md shows the plain commands each one stands for.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: repro test lint
repro: .venv/requirements.txt ## set up and run the pipeline
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro

test: .venv/requirements-dev.txt ## set up and run the tests
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest

lint: .venv/requirements-dev.txt ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# A copy of the requirements inside .venv says which were installed.
.venv/requirements-dev.txt: requirements.txt requirements-extra.txt
.venv/%.txt: %.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r $<
	cp $< $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.10 to 3.13 is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
