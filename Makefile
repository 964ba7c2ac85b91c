# `make help` lists the targets.
GO ?= go

# The embedded SQLite is C that was translated to Go. The race detector watches our code
# and every other package; with it, the tests would take three times as long.
RACE = -race -gcflags='modernc.org/...=-race=false -d=checkptr=0'

.PHONY: help oracle outage build docs test lint vet deps fuzz house vuln bench bench-agents bench-anomaly bench-predict dashboards demo screens soak record-alerts torture torture-cluster chaos torture-repair

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-15s %s\n", $$1, $$2}'

build: ## build bin/sentinel
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/sentinel ./cmd/sentinel

deps: ## install what the tests start servers from (Debian)
	sh scripts/deps.sh

test: deps lint ## everything CI runs: build, lint, all tests with the race detector
	$(GO) build ./...
	$(GO) test $(RACE) -timeout 25m ./...
	$(GO) test ./schedule ./checks/oracle ./repair/differential
	cd tools && $(GO) build ./... && $(GO) test $(RACE) -timeout 25m ./...

docs: ## write docs/reference.md, the keys in docs/repair/README.md, docs/openapi.json and the routes in docs/api.md
	$(GO) test ./config -run "TestReferenceIsGenerated|TestPageOfRepairs" -update
	$(GO) test ./web -run TestTheDescriptionIsGenerated -update

lint: vet house ## go vet, gofmt, staticcheck, limits of the structure
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) build -C tools -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...
	cd tools && ../bin/staticcheck ./...

vet:
	$(GO) vet ./...
	cd tools && $(GO) vet ./...

fuzz: ## fuzz quoting, cron, configuration and files of sources for a minute each
	for engine in postgres mysql sqlite; do \
		$(GO) test -run '^$$' -fuzz FuzzQuote -fuzztime 1m ./warehouse/$$engine || exit 1; done
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime 1m ./schedule
	$(GO) test -run '^$$' -fuzz FuzzParse -fuzztime 1m ./config
	for format in Parquet CSV JSON; do \
		$(GO) test -run '^$$' -fuzz "Fuzz$$format\$$" -fuzztime 1m ./repair/reload || exit 1; done

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

screens: ## take pictures of the pages of a sample into SCREENS (bin/screens); needs Chromium
	@mkdir -p $(or $(SCREENS),bin/screens)
	$(GO) run -C tools ./screens -out $(abspath $(or $(SCREENS),bin/screens))
	cp $(or $(SCREENS),bin/screens)/overview-1280-light.png docs/page/overview.png
	cp $(or $(SCREENS),bin/screens)/dataset-1280-dark.png docs/page/dataset.png
	cp $(or $(SCREENS),bin/screens)/history-1280-light.png docs/page/history.png
	cp $(or $(SCREENS),bin/screens)/unwatched-1280-light.png docs/page/unwatched.png

dashboards: ## write grafana/dashboards from tools/dashboards
	$(GO) generate ./grafana

vuln: ## look for known vulnerabilities; where their database cannot be reached, list direct modules with newer versions
	$(GO) build -C tools -o ../bin/govulncheck golang.org/x/vuln/cmd/govulncheck
	@bin/govulncheck ./...; code=$$?; \
		if [ $$code != 1 ]; then exit $$code; fi; \
		echo "the database of vulnerabilities cannot be reached; direct modules with newer versions:"; \
		$(GO) list -m -u -f '{{if and .Update (not .Indirect)}}{{.Path}} {{.Version}} -> {{.Update.Version}}{{end}}' all

house: ## count what the structure is held to; fail beyond the limits
	$(GO) run -C tools ./housecount ..

oracle: deps ## compare verdicts with the oracle for ROUNDS tables (100000) from SEED (1), and hold the laws of column checks
	$(GO) test -count=1 -timeout 24h -v -run 'TestVerdicts|ColumnChecks|TestImported' ./checks/oracle \
		-rounds $${ROUNDS:-100000} -stories $$(( $${ROUNDS:-100000} / 40 )) -seed $${SEED:-1}

outage: deps ## hold an ALTER TABLE for HOLD (3m) and freeze servers beside an agent; prints the times
	$(GO) test -count=1 -timeout 30m -v -run 'TestLockedTable|TestC56FrozenServer' ./app -hold $${HOLD:-3m}

soak: deps ## run an agent for an hour that is a month for it (SOAK="-length 10m -of 120h"); prints whether it stays flat
	$(GO) run -C tools ./soak $(SOAK)

record-alerts: deps ## record the series of real agents that the tests of the alerts judge (RECORD="-only NAME,NAME")
	$(GO) run -C tools ./record-alerts $(RECORD)
	$(GO) test ./rules -run TestAlertsOfRealAgents -update

torture: deps ## kill repairing agents at every failpoint, 1,128 times
	SENTINEL_TORTURE=$${SENTINEL_TORTURE:-6} $(GO) test -race -timeout 60m -run 'C46' -v ./repair

torture-repair: deps ## repair ROUNDS (20000) drawn tables from SEED (1), with kills at random points; prints what became of them
	$(GO) test -count=1 -timeout 24h -v -run TestRepairsKeepValues ./repair/differential \
		-rounds $${ROUNDS:-20000} -seed $${SEED:-1}

torture-cluster: deps ## kill the leader or a helper of three agents with 2,000 datasets, twenty times
	SENTINEL_TORTURE=$${SENTINEL_TORTURE:-1} $(GO) test -timeout 60m -run 'TestAgentsTakeOver' -v ./app

chaos: deps ## disturb three agents and all that they depend on DISTURBANCES times (500) from SEED (1); prints a table
	$(GO) test -count=1 -timeout 6h -v -run TestChaos ./app/chaos \
		-disturbances $${DISTURBANCES:-500} -seed $${SEED:-1}

demo: ## watch the embedded warehouse
	$(GO) run ./cmd/sentinel demo
