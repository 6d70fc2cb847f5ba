# Perdure. `make demo` shows it, `make test` proves it; both install what is missing first.

SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=
SEEDS ?= 500
MINUTES ?= 60
RUNS ?= 10000000
INSTANCES ?= 20000
BUDGET ?= 0
TIMES ?= 7
ONLY ?= c,swift,python
SWEEP_SEEDS ?= 8
LIBRARY ?= .build/release/libdx.so
PYTHON = .build/venv/bin/python
VERSION := $(shell sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)

export SWIFT SEEDS
# Python programs of this repository use the library and the package of this repository.
WITH_PYTHON = PERDURE_LIBRARY=$(abspath $(LIBRARY)) PYTHONPATH=bindings/python/src $(PYTHON)

.PHONY: help demo test build install wheel node node-package bench bench-against bench-prune bench-management \
  scale order chaos chaos-pg soak sim pythons faults fuzz \
  sanitize coverage sim-mutations sim-sweep docc swift-package format check-format clean prepare

help:
	@echo "make demo           an order that survives: examples/order/order.py on SQLite"
	@echo "make test           all tests of all languages"
	@echo "make build          .build/release/libdx.so"
	@echo "make install        headers, libraries, pkg-config files, the CMake package below PREFIX=$(PREFIX)"
	@echo "make wheel          the Python package with the library inside, in .build/wheel/dist"
	@echo "make node           the addon of the Node binding, .build/node/perdure.node"
	@echo "make node-package   the npm package with addon and library inside, in .build/node/dist"
	@echo "make bench          C, C++, Swift, Python and Node side by side"
	@echo "make bench-against COMMIT=c TIMES=n ONLY=c,swift,python UNTIL=figure  make bench against that of a commit, in turns"
	@echo "make bench-prune    the load while 20,000 instances are removed"
	@echo "make bench-management  management calls on a store of 200,000 instances"
	@echo "make order          Sources/PerdureExport/order.txt: what of libdx.so the linker puts side by side"
	@echo "make scale          1, 2 and 4 processes on SQLite and on PostgreSQL, and the takeover of a killed one's work"
	@echo "make chaos          kills, power loss, full disks, damaged files...: a verdict for each case"
	@echo "make chaos-pg       4 processes on a PostgreSQL that is restarted, under kills and cuts: 20,000 orchestrations"
	@echo "make soak MINUTES=n a mixed load under random faults, for n minutes"
	@echo "make fuzz RUNS=n    everything that reads bytes from outside, under libFuzzer: a verdict for each target"
	@echo "make sanitize       tests and hosts under the address, thread and undefined-behaviour sanitizers"
	@echo "make coverage       how much of each module the Swift tests reach"
	@echo "make sim SEEDS=n    n simulated worlds"
	@echo "make pythons        the Python package under the other versions of Python that are here"
	@echo "make faults         every call of a store fails once, 20,000 lost answers, long random lives of stores"
	@echo "make sim-mutations  each deliberate bug of the simulator, and the first seed that shows it"
	@echo "make sim-sweep      a kill, and a fault of the store, at every place of SWEEP_SEEDS=$(SWEEP_SEEDS) worlds"
	@echo "make docc           the documentation of the Swift SDK, with a page for every symbol, in .build/docc"
	@echo "make swift-package  the first page for Swift, done as it says, in a new package"
	@echo "make format, make check-format, make clean"

prepare:
	@.ci/prepare

build: prepare
	$(SWIFT) build -c release --product dx

demo: build
	@mkdir -p .build/demo
	@rm -f .build/demo/order.sqlite*
	@$(WITH_PYTHON) examples/order/order.py demo --store sqlite:.build/demo/order.sqlite

# The formatters have no say in whether the program works; .ci/run asks them too.
test: prepare
	@python3 .ci/suites.py build swift busy docc postgres c c-binding cpp python node simulation examples chaos demo

install: $(LIBRARY)
	install -D -m 644 include/dx.h $(DESTDIR)$(PREFIX)/include/dx.h
	install -m 644 include/dx.hpp include/dx_testing.hpp $(DESTDIR)$(PREFIX)/include
	install -d $(DESTDIR)$(PREFIX)/include/perdure/testing
	install -m 644 include/perdure/*.hpp $(DESTDIR)$(PREFIX)/include/perdure
	install -m 644 include/perdure/testing/*.hpp $(DESTDIR)$(PREFIX)/include/perdure/testing
	install -D -m 755 $(LIBRARY) $(DESTDIR)$(PREFIX)/lib/libdx.so
	strip --strip-unneeded $(DESTDIR)$(PREFIX)/lib/libdx.so
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' .ci/dx.pc.in \
	  > $(DESTDIR)$(PREFIX)/lib/pkgconfig/dx.pc
	install -d $(DESTDIR)$(PREFIX)/lib/cmake/Perdure
	install -m 644 .ci/PerdureConfig.cmake $(DESTDIR)$(PREFIX)/lib/cmake/Perdure/PerdureConfig.cmake
	sed -e 's|@VERSION@|$(VERSION)|' .ci/PerdureConfigVersion.cmake.in \
	  > $(DESTDIR)$(PREFIX)/lib/cmake/Perdure/PerdureConfigVersion.cmake
	$(MAKE) -C bindings/c install DX=$(dir $(abspath $(LIBRARY))) OUT=$(abspath .build/c/bindings) \
	  PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) VERSION=$(VERSION)

$(LIBRARY):
	$(MAKE) build

# A wheel with the library inside: who installs it needs no compiler.
wheel: build
	@rm -rf .build/wheel
	@mkdir -p .build/wheel
	@cp -r bindings/python/pyproject.toml bindings/python/setup.py bindings/python/src LICENSE .build/wheel
	@rm -rf .build/wheel/src/*.egg-info
	@PERDURE_LIBRARY=$(abspath $(LIBRARY)) $(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation -w .build/wheel/dist .build/wheel
	@ls .build/wheel/dist/*.whl

node: .build/node/perdure.node

.build/node/perdure.node: $(wildcard bindings/node/src/*.[ch]) include/dx.h bindings/node/build.sh
	@bindings/node/build.sh $@

# An npm package with the library inside: who installs it needs neither a compiler nor a registry.
node-package: $(LIBRARY) node
	@bindings/node/pack.sh .build/node $(LIBRARY)

bench: build node
	$(SWIFT) build -c release --product bench-swift
	@$(WITH_PYTHON) benchmarks/run.py

bench-against: build
	$(SWIFT) build -c release --product bench-swift
	@$(WITH_PYTHON) benchmarks/against.py $(COMMIT) --times $(TIMES) --only $(ONLY) $(if $(UNTIL),--until $(UNTIL))

order: build
	@$(WITH_PYTHON) benchmarks/order.py

bench-prune: build
	@$(WITH_PYTHON) benchmarks/prune.py
	@$(WITH_PYTHON) benchmarks/prune.py --by retention

bench-management: build
	@$(WITH_PYTHON) benchmarks/management.py

scale: build
	@$(WITH_PYTHON) benchmarks/scale.py
	@$(WITH_PYTHON) benchmarks/scale.py --store postgres

chaos: build
	@$(WITH_PYTHON) Tests/chaos/run.py

chaos-pg: build
	@$(WITH_PYTHON) Tests/chaos/fleet.py --store postgres --host c --instances $(INSTANCES)
	@$(WITH_PYTHON) Tests/chaos/fleet.py --store postgres --instances 2000

soak: build
	@$(WITH_PYTHON) Tests/chaos/soak.py --minutes $(MINUTES)

fuzz: prepare
	@$(PYTHON) Tests/fuzz/run.py --runs $(RUNS) --seconds $(BUDGET)

sanitize: build
	@$(WITH_PYTHON) Tests/sanitize/run.py

coverage: prepare
	@python3 .ci/coverage.py

sim: prepare
	$(SWIFT) run -c release dx-sim --seeds $(SEEDS)

# The Python package under each other version of Python that is on this machine.
pythons: build
	@PERDURE_LIBRARY=$(abspath $(LIBRARY)) PYTHONPATH=bindings/python/src .ci/pythons

faults: prepare
	PERDURE_FAULTS=full $(SWIFT) test --filter \
	  'FaultTests|WrappedConformanceTests|SQLiteAgreementTests'

# Each deliberate bug must be seen; a kill, and a fault of the store, at every place of a world.
sim-mutations: prepare
	$(SWIFT) run -c release dx-sim --mutations

sim-sweep: prepare
	$(SWIFT) run -c release dx-sim --sweep kill --seeds $(SWEEP_SEEDS)
	$(SWIFT) run -c release dx-sim --sweep store --seeds $(SWEEP_SEEDS)

# Needs a debug build; the suite "docc" has one from the Swift tests.
docc: prepare
	$(SWIFT) build --target PerdureTesting
	@$(PYTHON) .ci/docc.py

swift-package:
	@SWIFT=$(SWIFT) .ci/swift-package

format: prepare
	@.ci/format

check-format: prepare
	@.ci/format --check

clean:
	rm -rf .build
