package main

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

func Example() {
	main()
	// Unordered output:
	// hello from task 0
	// hello from task 1
	// hello from task 2
}
