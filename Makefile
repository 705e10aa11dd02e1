# Shortcuts. The commands behind them: docs/development.md
PYTHON ?= python3
BIN := .venv/bin

# LOCKED=1 installs the exact versions of requirements.lock.
REQUIREMENTS := $(if $(LOCKED),requirements.lock,requirements.txt)

.PHONY: repro test check lint lock experiments metrics
repro: .venv/$(REQUIREMENTS) ## set up and run the pipeline
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro

test: .venv/requirements-dev.txt ## set up and run the tests
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -n 2 --dist loadfile

check: lint ## about a minute: check style, and run the tests that do not start processes or train
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -n 2 --dist loadfile -m "not slow"

lint: .venv/requirements-dev.txt ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

experiments: .venv/requirements.txt ## error rates of all experiments; KEYS='train_lora.rank|seed' adds columns
	key=$$($(BIN)/python -m experiments.rate) && PATH="$(CURDIR)/$(BIN):$$PATH" dvc exp show --drop '.*' \
	  --keep 'Experiment|(base|lora|selective)(.adult)?.'"$$key"'$$$(if $(KEYS),|$(KEYS))'

# dvc metrics show would print all figures in one row of over 2000 columns.
metrics: .venv/$(REQUIREMENTS) ## scores of the models, from metrics/scores.json
	@$(BIN)/python -c "from stages.records import paths; from stages.scores import score_files, score_tables; \
	  print(score_tables.score_table(*score_files.read(paths.SCORES_FILE)))"

lock: .venv/requirements.txt ## write requirements.lock again, with the installed PyTorch
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m pip list --format=freeze | sed -n 's/^\(torch==[0-9.]*\).*/\1/p' > .venv/tested.txt
	echo "# Exact versions with hashes of what requirements.txt allows, for Python 3.10 to 3.13 on any system. Made by: make lock" > $@.new
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --no-header \
	  --constraint .venv/tested.txt requirements.txt >> $@.new
	mv $@.new requirements.lock

# The copy of a requirements file in .venv shows that it was installed.
.venv/requirements-dev.txt: requirements.txt requirements-extra.txt
.venv/%.txt: %.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r $<
	cp $< $@

.venv/requirements.lock: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r $<
	cp $< $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.10 to 3.13 is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
