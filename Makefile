# Two commands bring Quan up: `make demo` and `make test`. They need Python 3.11 and make.
# Paths are relative throughout, so that a clone may lie anywhere, spaces included.

PYTHON := .venv/bin/python
CORES := $(shell nproc 2>/dev/null || echo 2)
# The launcher takes its servers down when make itself is killed.
SERVERS := $(PYTHON) -m config.embedded run --die-with-parent
PACKAGES := config users coupons campaigns analytics
# `make lint` needs settings, but neither servers nor real secrets.
RANDOM_TEXT = $$(head -c 48 /dev/urandom | base64 | tr -d '\n')
RANDOM_KEY = $$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n')
PRODUCTION := DJANGO_SETTINGS_MODULE=config.settings.production DATABASE_URL=sqlite://:memory: \
	SHOP_URL=https://coupons.example.com EMAIL_URL=smtp://mail.example.com \
	SECRET_KEY="$(RANDOM_TEXT)" BLIND_INDEX_KEY="$(RANDOM_TEXT)" FIELD_ENCRYPTION_KEYS="lint:$(RANDOM_KEY)"
TESTING := DJANGO_SETTINGS_MODULE=config.settings.test DATABASE_URL=sqlite://:memory:

# Ruff already asks for a reason at every assembled SQL text and every started process.
BANDIT := --severity-level medium --skip B608

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test faults fuzz lint bench shell requirements messages clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed-demo ## run the whole platform on real data; PORT=… chooses the port
	@exec $(SERVERS) --name demo -- $(PYTHON) -m config.demo

test: .venv/installed-dev ## run every test in parallel on throw-away servers; ARGS=… goes to pytest
	@$(PYTHON) -m config.catalogues compile
	@exec $(SERVERS) --ephemeral -- $(PYTHON) -m pytest --ds=config.settings.test -n $(CORES) --dist worksteal $(ARGS)

faults: .venv/installed-dev ## kill, cut and starve every part in the long forms; ARGS=--write keeps the figures
	@$(PYTHON) -m config.catalogues compile
	@RELIABILITY=long exec $(SERVERS) --ephemeral -- $(PYTHON) -m pytest --ds=config.settings.test -n 0 -m reliability $(ARGS)

fuzz: .venv/installed-dev ## price a million random carts and check every promise; ARGS=--carts=… for another number
	@exec $(PYTHON) -m tests.coupons.pricing.fuzz $(ARGS)

lint: .venv/installed-dev ## check style, types, imports, templates, migrations and deployment settings
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(TESTING) $(PYTHON) -m mypy $(PACKAGES)
	$(TESTING) $(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(PYTHON) -m djlint templates --lint --quiet
	$(PYTHON) -m bandit --quiet --configfile pyproject.toml $(BANDIT) --recursive $(PACKAGES)
	$(TESTING) $(PYTHON) manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING

bench: .venv/installed-dev ## measure claims, queues, grants, quotes, best combinations and nights against baselines
	@exec $(SERVERS) --name bench -- $(PYTHON) -m benchmarks $(ARGS)

shell: .venv/installed-demo ## open a Django shell on the demo's data
	@exec $(SERVERS) --name demo --quiet -- $(PYTHON) -m config.demo manage shell

requirements: .venv/installed-dev ## pin requirements*.in anew; ARGS=--upgrade takes newer releases
	@for name in requirements requirements-demo requirements-scale requirements-dev; do \
		$(PYTHON) -m uv pip compile --quiet --no-annotate --python-version 3.11 \
			--custom-compile-command "make requirements" --output-file $$name.txt $(ARGS) $$name.in || exit 1; \
	done

messages: .venv/installed-demo ## collect texts into locale/ and compile the catalogues
	@$(PYTHON) -m config.catalogues update
	@$(PYTHON) -m config.catalogues compile

clean: ## remove .venv, caches and all data of the demo
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m config.embedded clean; fi
	@rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed-demo: requirements.txt requirements-demo.txt | .venv/bin/python
	@echo "Installing the pinned requirements; the first time takes a minute or two …"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --progress-bar on \
		-r requirements.txt -r requirements-demo.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed-demo
	@echo "Installing what tests and checks need …"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --progress-bar on -r requirements-dev.txt
	@touch $@

.venv/bin/python:
	@for candidate in python3.11 python3 python3.12 python3.13; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			"$$candidate" -m venv --clear .venv && exit 0; \
			echo "$$candidate cannot make a virtual environment: install its venv package (python3-venv on Debian)."; \
			rm -rf .venv; exit 1; \
		fi; \
	done; \
	echo "Quan needs Python 3.11 or newer, and there is none on the PATH: install python3.11 and try again."; exit 1
