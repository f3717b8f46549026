GO ?= go
SEED ?= 1
MINUTES ?= 10
soak: MINUTES = 20

.DEFAULT_GOAL := help
.PHONY: help build test test-long chaos soak million rooms elastic check vet lint fmt deps shots bench-pages clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./vitrine
	$(GO) build -trimpath -o vitrine ./cmd/vitrine

test: deps ## run all tests with the race detector
	GORACE="atexit_sleep_ms=10 $(GORACE)" $(GO) test -race -vet=off -ldflags=-w -p 3 -parallel 6 -timeout 30m ./internal/cli ./templates ./detail ./internal/kv/rediskv ./...

test-long: deps ## run all tests in their full form; takes an hour or more
	VITRINE_TEST_LONG=1 $(GO) test -race -timeout 3h ./...

chaos: deps ## hurt a system at random, for SEED and MINUTES, and compare everything
	$(GO) test -count=1 -timeout 24h -v -run '^TestChaos$$' ./internal/chaos -args -seed $(SEED) -minutes $(MINUTES)

soak: deps ## two rooms under load, hurt in every way for 20 MINUTES by a SEED, then compared; prints figures
	$(GO) test -count=1 -timeout 24h -v -run '^TestSoak$$' ./internal/chaos -args -seed $(SEED) -minutes $(MINUTES)

million: deps ## load and measure shops of up to a million SKUs over bbolt and Redis, and files of ten million blobs
	$(GO) run ./cmd/vitrine bench sizes

rooms: deps ## cut rooms off from each other and lose rooms, under load, and compare everything; prints figures
	VITRINE_TEST_LONG=1 $(GO) test -count=1 -timeout 20m -v -run '^TestRooms' ./internal/chaos

elastic: deps ## double the visitors of two servers behind nginx, with an autoscaler; prints figures. Needs root, for cgroups
	VITRINE_TEST_LONG=1 $(GO) test -count=1 -timeout 20m -v -run '^TestElastic$$' ./internal/cli

check: fmt lint build test ## what CI runs

vet: ## go vet
	$(GO) vet ./...

lint: vet ## go vet and staticcheck
	$(GO) tool staticcheck ./...

fmt: ## fail if a file is not gofmt's
	@files=$$(gofmt -l $$(find . -name '*.go' -not -path './.git/*')); \
	if [ -n "$$files" ]; then echo "not formatted:" $$files >&2; exit 1; fi

deps: ## install what the tests drive: redis-server, nginx, chromium, PostgreSQL, MariaDB
	@scripts/deps

shots: deps ## take the screenshots of docs/img
	@mkdir -p docs/img
	$(GO) test -count=1 -run '^TestShots$$' ./internal/cli -args -shots $(CURDIR)/docs/img

bench-pages: ## measure pages, beside the peers where they are, and write the tables of docs/performance.md
	@scripts/bench-pages

clean: ## remove the built binary
	rm -f vitrine
