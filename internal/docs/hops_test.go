package docs

import (
	"go/ast"
	"go/parser"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// hop is one line of the walks through the code: a file and functions in it, such as
	// `internal/engine/find.go: worker.pick, worker.takeInjected`. A method stands behind its type.
	hop = regexp.MustCompile("`([\\w/]+\\.go): ([\\w., ]+)`")

	// filePath is the path of a Go file from the root of the module.
	filePath = regexp.MustCompile(`\b(?:scheduler|task|deque|preempt|internal|benchmarks|examples)(?:/\w+)*/\w+\.go\b`)
)

// TestHops checks that each hop of a walk in ARCHITECTURE.md names a file, and functions that are
// in that file.
func TestHops(t *testing.T) {
	hops := hop.FindAllStringSubmatch(read(t, "ARCHITECTURE.md"), -1)
	require.NotEmpty(t, hops, "the expression does not find the walks")
	for _, m := range hops {
		file := m[1]
		if !exists(file) {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", file)
			continue
		}
		have := functions(parseFile(t, file, parser.SkipObjectResolution))
		for _, name := range strings.Split(m[2], ", ") {
			if !have[name] {
				t.Errorf("ARCHITECTURE.md names %s in %s, where there is no such function", name, file)
			}
		}
	}
}

// functions returns the names of the functions and methods that f declares, such as Go and
// Scheduler.Go.
func functions(f *ast.File) map[string]bool {
	have := map[string]bool{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := fn.Name.Name
		if fn.Recv != nil {
			name = receiver(fn.Recv.List[0].Type) + "." + name
		}
		have[name] = true
	}
	return have
}

func TestFunctions(t *testing.T) {
	f := parseFile(t, "task/parallel/func.go", parser.SkipObjectResolution)
	have := functions(f)
	require.True(t, have["Define"])
	require.True(t, have["Func.Fork"], "a method of a generic type")
	require.False(t, have["Fork"])
}

// TestFilesNamedInDocuments checks that each Go file that a document names by its path exists.
func TestFilesNamedInDocuments(t *testing.T) {
	n := 0
	for _, doc := range sources(t, ".md") {
		for _, file := range filePath.FindAllString(read(t, doc), -1) {
			n++
			if !exists(file) {
				t.Errorf("%s names %s, which does not exist", doc, file)
			}
		}
	}
	require.Positive(t, n, "no document names a file")
}

// TestMapHasAllFiles checks that the map in ARCHITECTURE.md has each file of package scheduler and
// of internal/engine.
func TestMapHasAllFiles(t *testing.T) {
	var rows strings.Builder
	for line := range strings.Lines(read(t, "ARCHITECTURE.md")) {
		if strings.HasPrefix(line, "| ") {
			rows.WriteString(line)
		}
	}
	for _, dir := range []string{"scheduler", "internal/engine"} {
		files, err := filepath.Glob(filepath.Join(top, dir, "*.go"))
		require.NoError(t, err)
		n := 0
		for _, file := range files {
			name := filepath.Base(file)
			if strings.HasSuffix(name, "_test.go") || name == "doc.go" {
				continue
			}
			n++
			if !regexp.MustCompile(`[| ,]` + regexp.QuoteMeta(name) + `\b`).MatchString(rows.String()) {
				t.Errorf("the map in ARCHITECTURE.md has no %s of %s", name, dir)
			}
		}
		require.Positive(t, n)
	}
}

func exists(file string) bool {
	_, err := os.Stat(filepath.Join(top, filepath.FromSlash(file)))
	return err == nil
}
