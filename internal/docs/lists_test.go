package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinksComeFirst looks at each struct with a field list.Links[E]. It must be embedded and the
// first field, and E must be the type of the struct, because package list takes the address of an
// element for that of its links.
func TestLinksComeFirst(t *testing.T) {
	found := 0
	for _, file := range sources(t, ".go") {
		f := parseFile(t, file, parser.SkipObjectResolution)
		n, wrong := elementTypes(f, strings.HasPrefix(file, "internal/list/"))
		found += n
		for _, name := range wrong {
			t.Errorf("%s: type %s: Links must be the first field, embedded, and of this type", file, name)
		}
	}
	require.Positive(t, found, "the test sees no type with links")
}

// TestElementTypes keeps the test above honest.
func TestElementTypes(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "", `package p
		type first struct { list.Links[first]; b int }
		type generic[T any] struct { list.Links[generic[T]]; b T }
		type second struct { b int; list.Links[second] }
		type named struct { links list.Links[named] }
		type other struct { list.Links[first] }
		type deep struct { list.Links[[]deep] }
		type none struct { list.List[first]; Links[none]; links[none] }
		func f() { type inside struct { b int; list.Links[inside] } }
	`, parser.SkipObjectResolution)
	require.NoError(t, err)
	n, wrong := elementTypes(f, false)
	require.Equal(t, 7, n)
	require.Equal(t, []string{"second", "named", "other", "deep", "inside"}, wrong)
}

// elementTypes returns the number of fields of structs in f that are Links, and the names of the
// structs in which they are wrong. inside says that f is a file of package list.
func elementTypes(f *ast.File, inside bool) (n int, wrong []string) {
	ast.Inspect(f, func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok {
			return true
		}
		s, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for i, field := range s.Fields.List {
			of := linksOf(field.Type, inside)
			if of == "" {
				continue
			}
			n++
			if i > 0 || len(field.Names) > 0 || of != spec.Name.Name {
				wrong = append(wrong, spec.Name.Name)
			}
		}
		return true
	})
	return n, wrong
}

// linksOf returns the name of the type whose Links the expression means, without its type
// arguments; or "" if it means something else. inside says that it stands in package list.
func linksOf(e ast.Expr, inside bool) string {
	x, ok := e.(*ast.IndexExpr)
	if !ok {
		return ""
	}
	switch f := x.X.(type) {
	case *ast.SelectorExpr:
		if p, ok := f.X.(*ast.Ident); !ok || p.Name != "list" || f.Sel.Name != "Links" {
			return ""
		}
	case *ast.Ident:
		if !inside || f.Name != "Links" {
			return ""
		}
	default:
		return ""
	}
	of := x.Index
	if i, ok := of.(*ast.IndexExpr); ok {
		of = i.X
	}
	if id, ok := of.(*ast.Ident); ok {
		return id.Name
	}
	return "?"
}
