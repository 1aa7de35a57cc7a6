# Needs make, sh and Python 3.11 or newer; everything else is installed into .venv.
PROFILE   ?= embedded
NOTEBOOKS ?=
JOBS      ?=
FRESH     ?=
ALL       ?=
CELL_LIMIT     ?=
NOTEBOOK_LIMIT ?=
SET       ?=
TABLE     ?=
PYTHON    ?=
FLAGS     ?=
MINUTES   ?= 7
FILE      ?= papermill_runs/gpu.json

MOSLAB = .venv/bin/python -m moslab
OPTIONS = --profile "$(PROFILE)" --notebooks "$(NOTEBOOKS)" $(if $(JOBS),--jobs "$(JOBS)") \
          $(if $(filter-out 0,$(FRESH)),--fresh) $(if $(filter-out 0,$(ALL)),--runs fresh) \
          $(if $(CELL_LIMIT),--cell-limit "$(CELL_LIMIT)") $(if $(NOTEBOOK_LIMIT),--notebook-limit "$(NOTEBOOK_LIMIT)") \
          $(if $(TABLE),--table "$(TABLE)") $(foreach assignment,$(SET),--set '$(assignment)')
export PYTHON
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
# Where it is set, every process compiles torch and transformers anew, ten seconds each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup reproduce reference tune bench bench-gpu test lab clean

help:
	@echo "make reproduce   train the headline runs, take the others from the committed reference, run the notebooks, compare"
	@echo "                   PROFILE=smoke|embedded|paper   NOTEBOOKS=\"01 ...\"   JOBS=n   FRESH=1   ALL=1 (train everything)"
	@echo "                   TABLE=realqa.table5   one printed table and nothing else (.venv/bin/python -m moslab tables lists them)"
	@echo "                   SET=\"seeds=[0] epochs=2\"   parameters of the notebooks, without blanks in a value"
	@echo "                   CELL_LIMIT=minutes   NOTEBOOK_LIMIT=minutes   (0 for none) after which what hangs is ended"
	@echo "make test        the form of the code (ruff, mypy), unit tests, the stored notebooks against their stored"
	@echo "                   outputs, every notebook at the smallest scale"
	@echo "make lab         open the notebooks in JupyterLab   FLAGS=\"--no-browser --port 9999\" are passed on to it"
	@echo "make reference   rewrite notebooks/, figures/, tables in README and docs, and papermill_runs/reference"
	@echo "make tune        find the learning rates again"
	@echo "make bench       measure speed again, as ratios, for docs/performance.md; fails where two ways give other numbers"
	@echo "make bench-gpu   the same at 7B shapes on one GPU, random weights (tiny shapes where there is none)"
	@echo "                   MINUTES=7   FILE=papermill_runs/gpu.json"
	@echo "make clean       remove .venv and caches (drawn pictures, kept features); finished runs stay (FRESH=1 empties"
	@echo "                   those of a profile, or of NOTEBOOKS)"
	@echo "The first call installs into .venv (about 2 minutes); PYTHON=/path/to/python chooses the interpreter."

setup:
	@sh tools/setup.sh

reproduce: setup
	@$(MOSLAB) reproduce $(OPTIONS)

reference: setup
	@$(MOSLAB) reference --notebooks "$(NOTEBOOKS)" $(if $(JOBS),--jobs "$(JOBS)") $(if $(filter-out 0,$(FRESH)),--fresh)

tune: setup
	@$(MOSLAB) tune $(if $(JOBS),--jobs "$(JOBS)")

bench: setup
	@.venv/bin/python benchmarks/speed.py

bench-gpu: setup
	@.venv/bin/python -m benchmarks.gpu --minutes "$(MINUTES)" --out "$(FILE)"

test: setup
	@sh tools/test.sh

# The repository is the root, so that the notebooks' links to ../docs work; a folder given as an argument would become it.
lab: setup
	@.venv/bin/jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks \
	    $(if $(filter 0,$(shell id -u)),--allow-root) $(FLAGS)

clean:
	@rm -rf .venv .venv.lock build .pytest_cache .ruff_cache .mypy_cache src/*.egg-info papermill_runs/cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
