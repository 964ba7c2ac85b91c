# `make help` lists the targets.
GO ?= go

.PHONY: help build docs test lint vet deps fuzz house bench bench-agents bench-anomaly bench-predict dashboards demo torture torture-cluster

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'

build: ## build bin/sentinel
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/sentinel ./cmd/sentinel

deps: ## install what the tests start servers from (Debian)
	sh scripts/deps.sh

test: deps lint ## everything CI runs: build, lint, all tests with the race detector
	$(GO) build ./...
	$(GO) test -race -timeout 12m ./...
	$(GO) test ./schedule
	cd tools && $(GO) build ./... && $(GO) test -race -timeout 12m ./...

docs: ## write docs/reference.md
	$(GO) test ./config -run TestReferenceIsGenerated -update

lint: vet house ## go vet, gofmt, staticcheck, limits of the structure
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) build -C tools -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...
	cd tools && ../bin/staticcheck ./...

vet:
	$(GO) vet ./...
	cd tools && $(GO) vet ./...

fuzz: ## fuzz quoting, cron and configuration for a minute each
	for engine in postgres mysql sqlite; do \
		$(GO) test -run '^$$' -fuzz FuzzQuote -fuzztime 1m ./warehouse/$$engine || exit 1; done
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime 1m ./schedule
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime 1m ./config

bench: deps ## measure beside a hand-written floor on a private PostgreSQL (BENCH="-per-day 335000" for 20 million rows)
	$(GO) run -C tools ./bench $(BENCH)
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-agents: deps ## measure agents that share one state in PostgreSQL (AGENTS="-agents 1,2")
	$(GO) run -C tools ./bench-agents $(AGENTS)

bench-anomaly: ## judge every detector on the series of DATA=DIR and write docs/anomaly-benchmark.md
	@test -n "$(DATA)" || { echo "DATA=DIR must name a directory with NAME_windows.json files and their series"; exit 2; }
	$(GO) run -C tools ./bench-anomaly -data "$(abspath $(DATA))" -out ../docs

bench-predict: ## judge the predictor on the feeds of DATA=DIR and write docs/prediction-benchmark.md
	@test -n "$(DATA)" || { echo "DATA=DIR must name a directory with feeds.json and one CSV per feed"; exit 2; }
	$(GO) run -C tools ./bench-predict -data "$(abspath $(DATA))" -out ../docs

dashboards: ## write grafana/dashboards from tools/dashboards
	$(GO) generate ./grafana

house: ## count what the structure is held to; fail beyond the limits
	$(GO) run -C tools ./housecount ..

torture: deps ## kill repairing agents at every failpoint, 504 times
	SENTINEL_TORTURE=$${SENTINEL_TORTURE:-6} $(GO) test -race -timeout 60m -run 'C46' -v ./repair

torture-cluster: deps ## kill the leader or a helper of three agents with 2,000 datasets, twenty times
	SENTINEL_TORTURE=$${SENTINEL_TORTURE:-1} $(GO) test -timeout 60m -run 'TestAgentsTakeOver' -v ./app

demo: ## watch the embedded warehouse
	$(GO) run ./cmd/sentinel demo
