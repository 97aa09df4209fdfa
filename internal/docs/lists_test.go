package docs

import (
	"go/ast"
	"go/parser"
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
		inside := strings.HasPrefix(file, "internal/list/")
		ast.Inspect(parseFile(t, file, parser.SkipObjectResolution), func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for i, f := range s.Fields.List {
				of := linksOf(f.Type, inside)
				if of == "" {
					continue
				}
				found++
				if i > 0 || len(f.Names) > 0 || of != spec.Name.Name {
					t.Errorf("%s: type %s: Links must be the first field, embedded, and of this type", file,
						spec.Name.Name)
				}
			}
			return true
		})
	}
	require.Positive(t, found, "the test sees no type with links")
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
