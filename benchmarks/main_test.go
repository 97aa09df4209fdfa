package benchmarks

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if p := os.Getenv(probeEnv); p != "" {
		os.Exit(runProbe(p))
	}
	goleak.VerifyTestMain(m)
}
