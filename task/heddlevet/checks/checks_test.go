package checks_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/heddle-go/heddle/task/heddlevet/checks"
)

// root is the folder of heddle's module. The packages that the analyzers are tried on are in that,
// so that they use heddle itself.
var root = filepath.Join("..", "..", "..")

func TestAnalyzers(t *testing.T) {
	// The go command fetches what analysistest only looks for.
	run(t, "go", "list", "-deps", "./task/testdata/heddlevet/...")
	for _, a := range checks.All {
		t.Run(a.Name, func(t *testing.T) {
			abs, err := filepath.Abs(root)
			if err != nil {
				t.Fatal(err)
			}
			results := analysistest.Run(t, abs, a, "./task/testdata/heddlevet/"+a.Name)
			if len(results) != 1 || len(results[0].Diagnostics) == 0 {
				t.Errorf("%d packages; want one, with reports", len(results))
			}
		})
	}
}

// deliberate are the mistakes in heddle's own tests, which show what becomes of them.
var deliberate = []string{
	"scheduler/lockedthread_test.go: runtime.LockOSThread in a task",
	"scheduler/pull_test.go: iter.Pull in a task",
	"task/parallel/misuse_test.go: Func.Both with c",
	"task/parallel/misuse_test.go: Func.CallAll with none",
	"task/parallel/misuse_test.go: Func.Fork with c",
	"task/parallel/misuse_test.go: Func.Fork with ended",
}

// The command finds the deliberate mistakes in heddle's own code, and no others.
func TestOverTheWholeTree(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "heddlevet.exe")
	if out, err := exec.Command("go", "build", "-o", tool, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command("go", "vet", "-vettool="+tool, "./...")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("nothing is found:\n%s", out)
	}
	report := regexp.MustCompile(`^(?:\./)?(\S+\.go):\d+:\d+: (.*?)(?:[:,]|$)`)
	var found []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := report.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("not a report: %q in\n%s", line, out)
		}
		found = append(found, filepath.ToSlash(m[1])+": "+m[2])
	}
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(found, deliberate) {
		t.Errorf("found\n%s\nwant\n%s\nall:\n%s", strings.Join(found, "\n"), strings.Join(deliberate, "\n"), out)
	}
}

// run runs a command in heddle's module.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
}
