# The commands of the course; `make` alone lists them.
# They need Python 3.11 or later with venv, and make (3.81 will do).
#
#   make test LESSON=03                              this lesson alone; also lab, notebooks, accept
#   make lab LAB_ARGS="--no-browser --ip=0.0.0.0"    further arguments for JupyterLab
#   make test PYTHON=python3.13                      another Python than python3
#   make test TEST_ARGS="-k builder"                 further arguments for pytest
#   make zoo ZOO="timm/*vit*"                         only these networks
#   make compat STACK=colab                          one stack: conda or colab
#   make mutants MODULE=layerwise/views COUNT=20     a module or a folder; faults in each module
#   make grade FOLDER=submitted LESSON=02            a folder for each student, or their notebooks
#   make fork REPOSITORY=you/your-course             its owner and name on GitHub

PYTHON    ?= $(shell test -x .venv/bin/python && echo .venv/bin/python || echo python3)
LAB_ARGS  ?=
TEST_ARGS ?=
ZOO       ?=
STACK     ?=
MODULE    ?=
FOLDER    ?=
REPOSITORY ?=
COUNT     ?= 20
LESSON    ?=

export UV_PYTHON_DOWNLOADS := never

# The one lesson whose name begins with LESSON, such as 03_nin.
ONE      := $(if $(LESSON),$(sort $(notdir $(basename \
		$(wildcard notebooks/source/$(LESSON)*.py notebooks/$(LESSON)*.ipynb)))))
ifneq ($(words $(LESSON)),$(words $(ONE)))
$(error LESSON=$(LESSON) must begin the name of one of: $(notdir $(wildcard notebooks/*.ipynb)))
endif

# The interpreter itself behind a link or a launcher, "not-found" if it does not run.
FOUND   := $(shell "$(PYTHON)" -c 'import sys; print(sys.executable)' 2>/dev/null || echo not-found)
VERSION := $(shell "$(FOUND)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
UV      := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .uv/bin/uv)
RUN     := .venv/bin/python

# Exists when .venv holds what pyproject.toml asks for, on this version of Python.
READY   := .venv/.ready-$(VERSION)

.PHONY: help lab test notebooks accept lesson-kit grade fork lint bench zoo compat mutants clean

help:        ## list these commands
	@sed -n 's/^\([a-z-]*\): .*## /  make \1	/p' Makefile

lab: $(READY)        ## open the contents, or the lesson that LESSON names, in JupyterLab
	$(RUN) -m jupyter lab --ServerApp.root_dir=. notebooks/$(or $(ONE),00_contents).ipynb $(LAB_ARGS)

# One thread each: two workers with two threads each wait for one another. Bytecode is kept, also
# where the machine says otherwise: some fifty processes import the course.
test: $(READY)        ## run every test, and every notebook against its stored outputs
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder \
		$(if $(ONE),notebooks/$(ONE).ipynb tests/notebooks \
			$(wildcard notebooks/solutions/$(ONE).ipynb) -k $(ONE)) $(TEST_ARGS)

notebooks: $(READY)        ## execute notebooks/source/*.py into notebooks/*.ipynb
	$(RUN) tools/build_notebooks.py $(ONE)

accept: notebooks        ## the same, under the name that a failed test gives it

lesson-kit: $(READY)        ## write a folder for a class, with stubs and without solutions, into build
	$(RUN) tools/lesson_kit.py

grade: $(READY)        ## run the notebooks in FOLDER through the checks, and list a class's mistakes
	$(RUN) tools/grade.py "$(FOLDER)" $(if $(ONE),--lesson $(ONE))

fork: $(READY)        ## write the address of your fork, REPOSITORY, wherever the course names its own
	$(RUN) tools/fork.py "$(REPOSITORY)"

lint: $(READY)        ## check style, formatting and types
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy

bench: $(READY)        ## measure speed and memory against the usual ways
	@for file in tools/bench_*.py; do \
		test -e "$$file" || continue; \
		echo "== $$file"; $(RUN) "$$file" || exit 1; \
	done

zoo: $(READY)        ## trace, table, draw and explain some 240 networks of timm and torchvision
	$(RUN) tools/zoo.py $(ZOO)

compat: $(READY)        ## run every lesson on the stacks of conda and Colab, in build/compat (12 GB)
	$(RUN) tools/compat.py $(STACK)

mutants: $(READY)        ## plant small faults in a module, and list those that its tests do not notice
	$(RUN) tools/mutants.py $(MODULE) --count=$(COUNT)

clean:        ## remove .venv, .uv, uv.lock and every cache; the next command installs again
	rm -rf .venv .uv uv.lock build .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +

$(READY): pyproject.toml Makefile
	@"$(FOUND)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'The course needs Python 3.11 or later, and "$(PYTHON)" is $(or $(VERSION),not found).'; \
		echo 'Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12'; exit 1; }
	@$(UV) --version >/dev/null 2>&1 || $(MAKE) --no-print-directory .uv/bin/uv PYTHON="$(FOUND)"
	@echo "Installing the course into .venv on Python $(VERSION)."
	@echo "The first time, this fetches a few GB (PyTorch above all) and takes some minutes."
	$(UV) sync --python "$(FOUND)"
	@# A test needs nbgrader; its menus and buttons are no part of the course.
	@$(RUN) -m jupyter labextension disable @jupyter/nbgrader --level=sys_prefix >/dev/null 2>&1
	@touch $(READY)

.uv/bin/uv:
	@"$(FOUND)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'This Python has no venv. On Debian and Ubuntu: apt install python3-venv'; exit 1; }
	@echo "Fetching uv, the installer, into .uv (uv is not on the PATH)."
	"$(FOUND)" -m venv .uv
	.uv/bin/python -m pip install --quiet uv
