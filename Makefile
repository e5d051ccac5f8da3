# The steps of .ci/run, one target each. "make help" lists them. "make ci" runs them all.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export GOFLAGS := $(GOFLAGS) -buildvcs=false

# Where the tools are installed. The versions are pinned here and nowhere else.
TOOLS ?= $(CURDIR)/.tools
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help ci tools fmt vet staticcheck lint tidy generate generated vulnerabilities test race demo demo-faults bench faults live

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

ci: ## run everything that must hold
	.ci/run

tools: ## install staticcheck, govulncheck and golangci-lint into $(TOOLS)
	GOBIN="$(TOOLS)" go install $(STATICCHECK)
	GOBIN="$(TOOLS)" go install $(GOVULNCHECK)
	GOBIN="$(TOOLS)" go install $(GOLANGCI)

fmt: ## fail if a file is not formatted
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; \
	if [ -n "$$unformatted" ]; then printf 'not formatted:\n%s\n' "$$unformatted"; exit 1; fi

vet: ## go vet
	go vet ./...

staticcheck: ## staticcheck, with the tags of all tests
	"$(TOOLS)/staticcheck" ./...
	"$(TOOLS)/staticcheck" -tags deploy,integration ./test/...

lint: ## golangci-lint: the walls between packages, and common mistakes
	"$(TOOLS)/golangci-lint" run ./...
	"$(TOOLS)/golangci-lint" run --build-tags deploy,integration ./test/...

tidy: ## fail if go.mod is not tidy
	go mod tidy -diff

generate: ## write the generated files
	go generate ./...

generated: generate ## fail if a generated file is stale
	git diff --exit-code -- .

vulnerabilities: ## govulncheck
	"$(TOOLS)/govulncheck" ./...

test: ## all tests that need nothing but Go
	go test ./...

race: ## the tests with the race detector
	go test -race -short ./...

demo: ## the connector on this machine alone, judged
	go run ./cmd/connector demo --json

demo-faults: ## the same, with faults
	go run ./cmd/connector demo --faults --json --duration 8s

bench: ## the benchmark, small: what it counts must be right
	go test -run '^$$' -bench . -benchtime 1x ./test/bench
	go run ./test/bench --messages 20000 --users 50

faults: ## what faults of Graph cost, in virtual time: at most three requests each
	go run ./test/bench --faults --short

live: ## an hour of polls in a minute: memory and goroutines must not grow
	go run ./test/bench --live 60s --interval 1s --users 500 --rate 300
