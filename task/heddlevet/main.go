// Heddlevet reports mistakes in programs that use heddle and that the compiler does not see: see
// package checks.
//
//	go vet -vettool=$(which heddlevet) ./...
//	heddlevet ./...
package main

import (
	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/heddle-go/heddle/task/heddlevet/checks"
)

func main() { multichecker.Main(checks.All...) }
