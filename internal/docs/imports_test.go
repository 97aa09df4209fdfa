package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// arrows lists the packages of the module that each package may import, besides itself. An entry
// that ends in /... stands for all packages below. ARCHITECTURE.md has the map and the reasons.
// Tests may import any package.
var arrows = map[string][]string{
	"scheduler":               {"task", "internal/engine", "internal/look", "internal/histogram", "internal/thread", "internal/rt"},
	"internal/engine":         {"task", "internal/..."},
	"internal/look":           {"task", "internal/rt", "internal/prefetch", "internal/pprofile", "internal/perfetto"},
	"scheduler/schedtest":     {"scheduler", "task", "internal/..."},
	"scheduler/schedhttp":     {"scheduler", "task"},
	"scheduler/schedhttp/top": {"scheduler/schedhttp"},
	"task":                    {"internal/..."},
	"task/tsync":              {"task", "internal/wait", "internal/list", "internal/rt", "internal/atomicx"},
	"task/parallel":           {"task", "internal/rt", "internal/radix"},
	"deque":                   {"internal/deque"},
	"preempt":                 {"internal/preempt"},
	"internal/rt":             {"internal/deque", "internal/preempt", "internal/fiber", "internal/atomicx"},
	"internal/wait":           {"internal/rt", "internal/atomicx", "internal/explore"},
	"internal/deque":          {"internal/atomicx", "internal/explore"},
	"internal/preempt":        {"internal/atomicx", "internal/explore", "internal/label"},
	"internal/fiber":          {"internal/atomicx", "internal/prefetch"},
	"internal/label":          {},
	"internal/list":           {},
	"internal/prefetch":       {},
	"internal/atomicx":        {"internal/explore"},
	"internal/explore":        {},
	"internal/handclock":      {},
	"internal/radix":          {},
	"internal/docs":           {},
	"internal/mutate":         {},
	"internal/soak":           {},
	"internal/selfexec":       {},
	"internal/balance":        {"internal/rt"},
	"internal/cli":            {},
	"internal/testkit":        {"internal/selfexec"},
	"examples/...":            {"scheduler", "scheduler/...", "task", "task/...", "internal/cli"},
	"benchmarks/...": {
		"scheduler", "scheduler/...", "task", "task/...", "deque", "preempt", "benchmarks/...", "internal/cli",
	},
	"internal/taskpool":  {"internal/rt", "internal/atomicx"},
	"internal/timers":    {"internal/rt", "internal/atomicx", "internal/prefetch", "internal/histogram"},
	"internal/idle":      {"internal/atomicx"},
	"internal/histogram": {"internal/atomicx"},
	"internal/stopwatch": {"internal/atomicx"},
	"internal/thread":    {},
	"internal/pprofile":  {},
	"internal/perfetto":  {},
	"internal/inject":    {"internal/wait", "internal/taskpool", "internal/list", "internal/rt", "internal/atomicx"},
	"internal/fiberpool": {"internal/fiber", "internal/atomicx"},
	"internal/offload":   {"internal/rt", "internal/atomicx", "internal/label"},
}

// others are the packages outside of the module and the standard library that the module may
// import.
var others = []string{"golang.org/x/sys/...", "go.uber.org/atomic"}

func matches(pattern, pkg string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	return pkg == pattern
}

func allowed(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

// TestArrows reads every file, whatever its build constraints.
func TestArrows(t *testing.T) {
	for _, file := range sources(t, ".go") {
		pkg := path.Dir(file)
		var may []string
		known := false
		for from, to := range arrows {
			if matches(from, pkg) {
				known, may = true, append(may, to...)
			}
		}
		if !known {
			t.Errorf("%s: package %s has no place in the map: add it here and to ARCHITECTURE.md", file, pkg)
			continue
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, imp := range parseFile(t, file, parser.ImportsOnly).Imports {
			to, err := strconv.Unquote(imp.Path.Value)
			require.NoError(t, err)
			inside, isInside := strings.CutPrefix(to, module+"/")
			switch first, _, _ := strings.Cut(to, "/"); {
			case isInside && inside != pkg && !allowed(may, inside):
				t.Errorf("%s imports %s, which package %s must not know", file, inside, pkg)
			case !isInside && strings.Contains(first, ".") && !allowed(others, to):
				t.Errorf("%s imports %s: a dependency that is not agreed on", file, to)
			}
		}
	}
}

// TestOnlyFiberPulls checks that coroutines come only from internal/fiber. Any package may import
// iter for its types.
func TestOnlyFiberPulls(t *testing.T) {
	pulls := 0
	for _, file := range sources(t, ".go") {
		ast.Inspect(parseFile(t, file, parser.SkipObjectResolution), func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "iter" && strings.HasPrefix(sel.Sel.Name, "Pull") {
				pulls++
				// task.Pull offers it to tasks, and the test of task.Pull shows what happens
				// without.
				if path.Dir(file) != "internal/fiber" && file != "task/pull.go" && file != "scheduler/pull_test.go" {
					t.Errorf("%s uses iter.%s: only internal/fiber and task.Pull may", file, sel.Sel.Name)
				}
			}
			return true
		})
	}
	require.Positive(t, pulls, "the test does not see internal/fiber's own")
}

// TestMatches tests the helpers of TestArrows.
func TestMatches(t *testing.T) {
	require.True(t, allowed([]string{"internal/..."}, "internal/rt"))
	require.True(t, allowed([]string{"task"}, "task"))
	require.False(t, allowed([]string{"task"}, "task/tsync"))
	require.False(t, allowed([]string{"internal/..."}, "internals"))
}

func parseFile(t *testing.T, file string, mode parser.Mode) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, filepath.FromSlash(file)), nil, mode)
	require.NoError(t, err)
	return f
}
