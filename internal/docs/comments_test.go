package docs

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExportedSymbolsHaveComments checks every package that users can import, in all files whatever
// their build constraints.
func TestExportedSymbolsHaveComments(t *testing.T) {
	files := map[string][]*ast.File{}
	fset := token.NewFileSet()
	for _, file := range sources(t, ".go") {
		pkg := path.Dir(file)
		house, _, _ := strings.Cut(pkg, "/")
		switch house {
		case "scheduler", "task", "deque", "preempt":
		default:
			continue
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, file, read(t, file), parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		files[pkg] = append(files[pkg], f)
	}
	for _, pkg := range []string{"scheduler", "task", "deque", "preempt"} {
		require.Contains(t, files, pkg)
	}
	for pkg, fs := range files {
		p, err := doc.NewFromFiles(fset, fs, module+"/"+pkg)
		require.NoError(t, err)
		if p.Doc == "" {
			t.Errorf("package %s has no comment", pkg)
		}
		values(t, pkg, p.Consts)
		values(t, pkg, p.Vars)
		funcs(t, pkg, p.Funcs)
		for _, typ := range p.Types {
			if typ.Doc == "" {
				t.Errorf("type %s.%s has no comment", pkg, typ.Name)
			}
			values(t, pkg, typ.Consts)
			values(t, pkg, typ.Vars)
			funcs(t, pkg, typ.Funcs)
			funcs(t, pkg+"."+typ.Name, typ.Methods)
		}
	}
}

func funcs(t *testing.T, in string, fs []*doc.Func) {
	t.Helper()
	for _, f := range fs {
		if f.Doc == "" && f.Level == 0 { // a promoted method has its comment where it is declared
			t.Errorf("%s.%s has no comment", in, f.Name)
		}
	}
}

// values accepts the comment of a group, one before a name, or one behind it.
func values(t *testing.T, pkg string, vs []*doc.Value) {
	t.Helper()
	for _, v := range vs {
		for _, spec := range v.Decl.Specs {
			s := spec.(*ast.ValueSpec)
			for _, name := range s.Names {
				if name.IsExported() && v.Doc == "" && s.Doc.Text() == "" && s.Comment.Text() == "" {
					t.Errorf("%s.%s has no comment", pkg, name.Name)
				}
			}
		}
	}
}
