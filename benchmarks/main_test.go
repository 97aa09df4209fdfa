package benchmarks

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
)

func TestMain(m *testing.M) {
	if p := os.Getenv(probeEnv); p != "" {
		os.Exit(runProbe(p))
	}
	balance.Watch()
	goleak.VerifyTestMain(m)
}
