package docs

import (
	"go/ast"
	"go/parser"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testName is the name of a test, benchmark or fuzz target in a text.
var testName = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w*`)

// The tests that the documents name as their witnesses exist.
func TestTestsNamedInDocuments(t *testing.T) {
	have := map[string]bool{}
	for _, file := range sources(t, "_test.go") {
		for _, d := range parseFile(t, file, parser.SkipObjectResolution).Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				have[fn.Name.Name] = true
			}
		}
	}
	named := map[string]int{}
	for _, file := range sources(t, ".md") {
		for _, name := range testName.FindAllString(fence.ReplaceAllString(read(t, file), ""), -1) {
			named[file]++
			if !have[name] {
				t.Errorf("%s names %s, and there is no such function in a test file", file, name)
			}
		}
	}
	for _, file := range []string{"README.md", "CHANGELOG.md"} {
		require.Positive(t, named[file], "%s names no test: does the expression still match?", file)
	}
}

func TestTestName(t *testing.T) {
	text := "TestA and `TestB` (TestC, BenchmarkD, FuzzE), but Tests, Testing, Testimony, xTestF"
	require.Equal(t, "TestA TestB TestC BenchmarkD FuzzE", strings.Join(testName.FindAllString(text, -1), " "))
}
