package rivals

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/benchmarks/harness"
	"github.com/heddle-go/heddle/benchmarks/results"
)

// list runs a command that lists rows.
func list(t *testing.T, cmd *exec.Cmd, env ...string) (rows []results.Row) {
	t.Helper()
	cmd.Env = append(append(os.Environ(), harness.ListEnv+"=1"), env...)
	out, err := cmd.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "row "); ok {
			r, err := results.ParseRow(name)
			require.NoError(t, err)
			rows = append(rows, r)
		}
	}
	require.NotEmpty(t, rows)
	return rows
}

// TestNames checks that each row has a row of heddle with which it is compared, and that no name
// stands twice.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	for _, n := range natives { // none is run
		require.NoError(t, os.WriteFile(filepath.Join(dir, n.name+".exe"), nil, 0o600))
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	rivals := list(
		t, exec.Command(exe, "-test.run", "^$", "-test.bench", ".", "-test.benchtime", "1x"),
		nativeEnv+"="+dir,
	)
	heddle := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-benchtime", "1x", ".")
	heddle.Dir = ".."
	compared := map[string]bool{}
	for _, g := range results.Groups(append(list(t, heddle), rivals...), regexp.MustCompile("")) {
		for _, p := range g.Peers {
			compared[p.Full] = true
		}
	}
	seen := map[string]bool{}
	for _, r := range rivals {
		require.False(t, seen[r.Full], "two rows are called %s", r.Full)
		seen[r.Full] = true
		require.True(t, compared[r.Full], "no row of heddle is compared with %s", r.Full)
	}
	for _, n := range natives {
		require.Contains(
			t, seen,
			"Benchmark"+strings.Fields(n.scenarios)[0]+"/impl="+n.name+"/workers=1/outstanding=100",
		)
	}
}
