# Tests and the demo use one build, the debug one. Nothing needs to be installed before but Rust and make.

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
PREFIX ?= /usr/local

.DEFAULT_GOAL := help
# cc, which tools installs, is what build links with; and cargo uses all cores anyway.
.NOTPARALLEL:
.PHONY: help tools demo-tools toolchain build demo test format lint units check-demo bench deny install

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: demo-tools build ## four hubs on real nodes, the exporter, Prometheus and the mails, until Ctrl-C; PORT=20000 for other ports
	@$(TARGET)/debug/demo $(if $(PORT),--port '$(PORT)')

# The first step that fails is named, and ends it.
test: tools ## everything: format, lints, documentation, unit, integration and end-to-end tests
	@for step in format lint doc units check-demo; do \
	    printf '\n== make %s\n' $$step; \
	    $(MAKE) --no-print-directory $$step || { printf '\n== FAILED: make %s\n' $$step >&2; exit 1; }; \
	done
	@printf '\n== all passed\n'

format: ## is the code laid out as cargo fmt does?
	$(CARGO) fmt --all --check

lint: ## clippy, warnings being errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# A minute, where all is built.
.PHONY: quick doc
quick: tools format lint ## before each commit: format, lints, and the tests that need no daemon
	$(CARGO) test --locked --lib --test config --test docs --test golden
	$(CARGO) test --locked --test script -- shellcheck

doc: ## do the comments make documentation without a warning?
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

units: tools ## cargo test; the failures stand together at its end
	$(CARGO) test --locked --workspace --no-fail-fast

check-demo: tools build ## the demo without a person: does Prometheus see what was put on the nodes, and is it mailed?
	$(TARGET)/debug/demo --check

tools: ## installs, by apt, the programs that tests and demo run and that are missing
	@sh tests/testbed/install-tools.sh

toolchain: ## is there what the program is built with: Rust, and a linker?
	@sh deploy/check-toolchain.sh $(CARGO)

demo-tools: ## as tools, but only what the demo runs
	@sh tests/testbed/install-tools.sh demo

build: toolchain ## the program and the demo
	$(CARGO) build --locked --workspace

bench: tools ## the benchmarks, in release mode
	$(CARGO) bench --locked

# All but the advisories is also checked by `make test`, which cannot ask for cargo-deny: it takes minutes to build.
deny: ## licences, advisories and sources of the dependencies, as deny.toml says
	@command -v cargo-deny >/dev/null 2>&1 || { echo 'missing cargo-deny: cargo install --locked cargo-deny' >&2; exit 1; }
	$(CARGO) deny check

install: toolchain ## the program, in release mode, into $(PREFIX)/bin, and the systemd unit beside it
	$(CARGO) build --locked --release --bin scm-backup-exporter
	install -D -m 755 $(TARGET)/release/scm-backup-exporter $(DESTDIR)$(PREFIX)/bin/scm-backup-exporter
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|' deploy/scm-backup-exporter.service \
	    | install -D -m 644 /dev/stdin $(DESTDIR)$(PREFIX)/lib/systemd/system/scm-backup-exporter.service
