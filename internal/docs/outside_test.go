package docs

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inside matches what a reader of go doc cannot look up: a name of an internal package, a file of
// the source, or the document for contributors.
var inside = regexp.MustCompile(`\b(rt|fiber|atomicx|explore|label|prefetch|wait|alarm)\.[A-Z]\w*|\b\w+\.go\b|internal/|ARCHITECTURE`)

// The docs that go doc shows of the public packages must not refer their readers to things that go
// doc does not show. This applies to the texts and to the declarations, with their types and
// values.
func TestDocsStayOutside(t *testing.T) {
	var found []string
	texts, decls := 0, 0
	for _, name := range public {
		fset := token.NewFileSet()
		paths, err := filepath.Glob(filepath.Join("../..", name, "*.go"))
		require.NoError(t, err)
		var files []*ast.File
		internal := make(map[string]bool) // names of packages
		for _, file := range paths {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
			require.NoError(t, err)
			files = append(files, f)
			for _, imported := range f.Imports {
				if p, _ := strconv.Unquote(imported.Path.Value); strings.HasPrefix(p, module+"/internal/") {
					internal[path.Base(p)] = true
				}
			}
		}
		d, err := doc.NewFromFiles(fset, files, module+"/"+name)
		require.NoError(t, err)
		check := func(what, text string) {
			texts++
			for _, m := range inside.FindAllString(text, -1) {
				found = append(found, name+", "+what+": "+m)
			}
		}
		show := func(what string, n ast.Node) {
			decls++
			ast.Inspect(n, func(n ast.Node) bool {
				if x, ok := n.(*ast.SelectorExpr); ok {
					if id, ok := x.X.(*ast.Ident); ok && internal[id.Name] {
						found = append(found, name+", declaration of "+what+": "+id.Name+"."+x.Sel.Name)
					}
				}
				return true
			})
		}
		check("package", d.Doc)
		values := func(vs []*doc.Value) {
			for _, v := range vs {
				check(strings.Join(v.Names, ", "), v.Doc)
				show(strings.Join(v.Names, ", "), v.Decl)
			}
		}
		funcs := func(fs []*doc.Func) {
			for _, f := range fs {
				check(f.Name, f.Doc)
				show(f.Name, f.Decl.Type)
			}
		}
		values(d.Consts)
		values(d.Vars)
		funcs(d.Funcs)
		for _, typ := range d.Types {
			check(typ.Name, typ.Doc)
			show(typ.Name, typ.Decl)
			values(typ.Consts)
			values(typ.Vars)
			funcs(typ.Funcs)
			funcs(typ.Methods)
			for _, spec := range typ.Decl.Specs {
				fields(spec.(*ast.TypeSpec), func(f *ast.Field) { check(typ.Name+"'s field", f.Doc.Text()+f.Comment.Text()) })
			}
		}
	}
	require.Greater(t, texts, 300, "texts looked at")
	require.Greater(t, decls, 300, "declarations looked at")
	require.Empty(t, found)
}

// fields calls f for each field or method in the type's own text. go/doc has removed the unexported
// ones.
func fields(spec *ast.TypeSpec, f func(*ast.Field)) {
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		for _, x := range typ.Fields.List {
			f(x)
		}
	case *ast.InterfaceType:
		for _, x := range typ.Methods.List {
			f(x)
		}
	}
}
