package task_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
)

// Checkpoint costs a load, a decrement and a branch only where it is inlined. The go command caches
// the compiler's diagnostics with the build, so the test compiles the package only once.
func TestCheckpointInlines(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector does not change what the go command says")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command, which the test runs")
	}
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	found := false
	for line := range strings.Lines(string(out)) {
		found = found || strings.HasSuffix(strings.TrimSpace(line), "can inline (*Ctx).Checkpoint")
	}
	require.True(t, found, "the compiler no longer inlines Checkpoint:\n%s", out)
}
