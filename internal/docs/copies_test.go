package docs

import (
	"encoding/json"
	"fmt"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayBeCopied are the structs of the public packages that users may copy.
var mayBeCopied = map[string]bool{
	"parallel.Option":         true,
	"preempt.Config":          true,
	"preempt.Dispatch":        true,
	"preempt.Slice":           true,
	"schedhttp.Group":         true,
	"schedhttp.GroupList":     true,
	"schedhttp.Latencies":     true,
	"schedhttp.Latency":       true,
	"schedhttp.Object":        true,
	"schedhttp.Option":        true,
	"schedhttp.Place":         true,
	"schedhttp.PlaceList":     true,
	"schedhttp.Ref":           true,
	"schedhttp.Sample":        true,
	"schedhttp.Scheduler":     true,
	"schedhttp.Stall":         true,
	"schedhttp.StallList":     true,
	"schedhttp.Task":          true,
	"schedhttp.TaskList":      true,
	"schedhttp.WaitList":      true,
	"schedhttp.WaitPlace":     true,
	"schedhttp.Worker":        true,
	"schedtest.Config":        true,
	"schedtest.Faults":        true,
	"schedtest.T":             true,
	"scheduler.Histogram":     true,
	"scheduler.Latencies":     true,
	"scheduler.NoObserver":    true,
	"scheduler.Option":        true,
	"scheduler.RunningError":  true,
	"scheduler.Site":          true,
	"scheduler.Stall":         true,
	"scheduler.Stats":         true,
	"scheduler.TaskInfo":      true,
	"scheduler.TaskLatencies": true,
	"scheduler.WaitPlace":     true,
	"scheduler.WorkerStats":   true,
	"task.Option":             true,
	"task.PanicError":         true,
	"task.Task":               true,
}

// TestCopies runs go vet on a program that copies each struct of the public packages. Its copylocks
// check has to find all of these copies, except those of the structs in mayBeCopied.
func TestCopies(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command, which the test runs")
	}
	imp := exportData(t)
	var src strings.Builder
	src.WriteString("package docs\n\n")
	var names []string // by line of the program
	for _, name := range public {
		fmt.Fprintf(&src, "import %q\n", module+"/"+name)
	}
	names = append(names, make([]string, strings.Count(src.String(), "\n")+1)...)
	for _, name := range public {
		pkg, err := imp.Import(module + "/" + name)
		require.NoError(t, err)
		for _, id := range pkg.Scope().Names() {
			obj, ok := pkg.Scope().Lookup(id).(*types.TypeName)
			if !ok || !obj.Exported() || obj.IsAlias() {
				continue
			}
			if _, ok := obj.Type().Underlying().(*types.Struct); !ok {
				continue
			}
			typ := pkg.Name() + "." + id
			names = append(names, typ)
			if n := obj.Type().(*types.Named).TypeParams().Len(); n > 0 {
				typ += "[" + strings.TrimSuffix(strings.Repeat("int, ", n), ", ") + "]"
			}
			fmt.Fprintf(&src, "func _(x *%s) { y := *x; _ = y }\n", typ)
		}
	}
	for _, name := range []string{"tsync.Mutex", "tsync.Event", "tsync.KeyedMutex", "task.Group", "task.Waiter", "parallel.Func"} {
		require.Contains(t, names, name)
	}
	found := vetCopies(t, src.String())
	for line, name := range names {
		if name == "" {
			continue
		}
		if _, got := found[line]; got == mayBeCopied[name] {
			t.Errorf("%s: go vet finds %q; is it listed as one that may be copied: %v", name, found[line], mayBeCopied[name])
		}
	}
}

// vetCopies returns the messages of the copylocks check for a program, by line.
func vetCopies(t *testing.T, src string) map[int]string {
	here, err := os.Getwd() // vet changes to the package's folder, which therefore has to exist
	require.NoError(t, err)
	dir := t.TempDir()
	file, overlay := filepath.Join(dir, "copies.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(file, []byte(src), 0o644))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(here, "copies.go"): file}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, list, 0o644))
	out, err := exec.Command("go", "vet", "-copylocks", "-overlay", overlay, ".").CombinedOutput()
	require.Error(t, err, "go vet has found nothing: %s", out)
	found := map[int]string{}
	for _, m := range regexp.MustCompile(`(?m)copies\.go:(\d+):\d+: (.*)$`).FindAllStringSubmatch(string(out), -1) {
		line, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		require.Contains(t, m[2], "copies lock value", "go vet says something else")
		found[line] = m[2]
	}
	require.NotEmpty(t, found, "%s", out)
	return found
}
