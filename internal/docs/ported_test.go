package docs

import (
	"go/types"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Porting a program from package sync means changing the import. So package tsync has each name of
// package sync, with the same type parameters, signatures, methods and exported fields. Only
// lockers are of package sync in both.
func TestTsyncHasTheNamesOfSync(t *testing.T) {
	imp := exportData(t)
	std, err := imp.Import("sync")
	require.NoError(t, err)
	ours, err := imp.Import(module + "/task/tsync")
	require.NoError(t, err)
	text := func(typ types.Type) string {
		s := types.TypeString(typ, func(p *types.Package) string { return p.Name() })
		return strings.ReplaceAll(s, "tsync.", "sync.")
	}
	names := 0
	for _, name := range std.Scope().Names() {
		want := std.Scope().Lookup(name)
		if !want.Exported() {
			continue
		}
		names++
		got := ours.Scope().Lookup(name)
		if got == nil {
			t.Errorf("package tsync has no %s", name)
			continue
		}
		if _, ok := want.(*types.TypeName); !ok {
			require.Equal(t, text(want.Type()), text(got.Type()), name)
			continue
		}
		require.IsType(t, want, got, name)
		has := types.NewMethodSet(types.NewPointer(got.Type()))
		for m := range types.NewMethodSet(types.NewPointer(want.Type())).Methods() {
			if !m.Obj().Exported() {
				continue
			}
			ours := has.Lookup(nil, m.Obj().Name())
			require.NotNil(t, ours, "%s.%s", name, m.Obj().Name())
			require.Equal(t, text(m.Type()), text(ours.Type()), "%s.%s", name, m.Obj().Name())
		}
		if s, ok := want.Type().Underlying().(*types.Struct); ok {
			for f := range s.Fields() {
				if !f.Exported() {
					continue
				}
				ours, _, _ := types.LookupFieldOrMethod(got.Type(), true, nil, f.Name())
				require.NotNil(t, ours, "%s.%s", name, f.Name())
				require.Equal(t, text(f.Type()), text(ours.Type()), "%s.%s", name, f.Name())
			}
		}
	}
	require.Greater(t, names, 10, "names of package sync")
}
