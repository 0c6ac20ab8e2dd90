# Everything a checkout can do. Each target sets up what it needs and asks nothing.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help set-up demo test prove bench clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo          Latchkey, a real Envoy and mock model servers; prints what to paste. Ctrl-C stops it.'
	@echo 'make demo CHECK=1  walks through the same by itself and exits 0 or 1'
	@echo 'make test          lint, types and every test; ends with "N passed, N failed"'
	@echo 'make prove         the same guarantees with full counts and every Envoy; writes docs/proof.md; resumable'
	@echo 'make bench         every number the README states; writes docs/benchmarks.md; PART=… measures one part anew'
	@echo 'make clean         removes what the targets above made, installed packages included'

set-up:
	@bash tools/set-up.sh

demo: set-up
ifeq ($(CHECK),1)
	@node tools/demo-check.ts
else
	@exec node src/main.ts demo
endif

test: set-up
	@node tools/test.ts

prove: set-up
	@node tools/prove.ts $(CASE)

bench: set-up
	@node bench/bench.ts $(PART)

clean:
	rm -rf node_modules dist .cache coverage *.tgz
