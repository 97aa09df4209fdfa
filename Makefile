# The verbs that one needs all day. .ci/run knows how; this file only names groups of its steps.

.PHONY: check test race model fuzz bench ci

check: ## formatting, vet, staticcheck, go.mod
	.ci/run format vet staticcheck tidy inline

test: ## what the README says: go test ./...
	.ci/run test

race: ## the race detector, with 1, 2 and 4 Ps
	.ci/run race

model: ## the schedule explorer
	.ci/run model

fuzz: ## seed corpora; with FUZZTIME=30s, new inputs
	.ci/run fuzz

bench: ## all benchmarks, with the times they deserve
	go test -run '^$$' -bench . ./benchmarks

ci: ## everything
	.ci/run
