# The verbs that one needs all day. .ci/run knows how; this file only names groups of its steps.

.PHONY: help check test race model mutants fuzz arch soak bench table plots ci

help: ## this list
	@sed -n 's/^\([a-z]*\):.* ## /  make \1	/p' $(MAKEFILE_LIST)

check: ## formatting, vet, staticcheck, go.mod
	.ci/run format vet staticcheck tidy inline

test: ## what the README says: go test ./...
	.ci/run test

race: ## the race detector, with 1 and 4 Ps
	.ci/run race

model: ## the schedule explorer
	.ci/run model

mutants: ## plants each bug of .ci/mutants, which a test has to find
	go run ./internal/mutate

fuzz: ## new inputs, for FUZZTIME=30s each
	FUZZTIME=$${FUZZTIME:-30s} .ci/run fuzz

arch: ## the tests for 386, and for arm64 and riscv64 under qemu-user
	.ci/run arch

soak: ## everything mixed under the race detector, for 10 times HEDDLE_SOAK (1m)
	HEDDLE_SOAK=$${HEDDLE_SOAK:-1m} go test -race -count 1 -timeout 0 -v ./internal/soak

bench: ## all benchmarks, with the times they deserve
	go test -run '^$$' -bench . ./benchmarks

table: ## the tables of BENCHMARKS.md and README.md, measured anew
	go run ./benchmarks/table -write -raw benchmarks/plots/data/table.txt

plots: ## the pictures of the benchmarks, from the results of make table
	cd benchmarks/plots && go run .

ci: ## everything
	.ci/run
