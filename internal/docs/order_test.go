package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// callsUp are the calls between files of internal/engine that do not run down: the file of the
// caller, and the function.
var callsUp = map[[2]string]bool{
	{"children.go", "valid"}:  true,
	{"priority.go", "direct"}: true,
}

// TestCallsRunDown checks that the functions of internal/engine only call functions of files that
// ARCHITECTURE.md lists in the same row or further down.
func TestCallsRunDown(t *testing.T) {
	doc := read(t, "ARCHITECTURE.md")
	_, table, ok := strings.Cut(doc, "| file of internal/engine |")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	row := map[string]int{}
	for i, line := range strings.Split(table, "\n") {
		if cells := strings.Split(line, "|"); i > 1 {
			for _, file := range regexp.MustCompile(`\w+\.go`).FindAllString(cells[1], -1) {
				row[file] = i
			}
		}
	}

	set := token.NewFileSet()
	var files []*ast.File
	paths, err := filepath.Glob(filepath.Join(top, "internal", "engine", "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") {
			f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			files = append(files, f)
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, err := (&types.Config{Importer: exportData(t)}).Check(module+"/internal/engine", set, files, info)
	require.NoError(t, err)
	nameOf := func(p token.Pos) string { return filepath.Base(set.Position(p).Filename) }
	up := map[[2]string]bool{}
	for id, obj := range info.Uses {
		if f, ok := obj.(*types.Func); ok && f.Pkg() == pkg && f.Pos().IsValid() {
			from, to := nameOf(id.Pos()), nameOf(f.Origin().Pos())
			require.NotZero(t, row[from], from)
			require.NotZero(t, row[to], to)
			if row[from] > row[to] {
				up[[2]string{from, f.Name()}] = true
			}
		}
	}
	require.Equal(t, callsUp, up)
}
