package docs

import (
	"flag"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/exported.txt anew")

// testdata/exported.txt lists what the public packages export, one name a line: functions, types,
// their fields and methods, constants and variables. Adding a name is a decision, and so is
// removing one, because users rely on the names. Code inside the module gets what it needs from a
// package in internal/. To change the list, run
//
//	go test ./internal/docs -run TestExportedNames -update
func TestExportedNames(t *testing.T) {
	const list = "testdata/exported.txt"
	imp := exportData(t)
	var names []string
	for _, name := range public {
		pkg, err := imp.Import(module + "/" + name)
		require.NoError(t, err)
		for _, id := range pkg.Scope().Names() {
			if obj := pkg.Scope().Lookup(id); obj.Exported() {
				names = append(names, exported(name+"."+id, obj)...)
			}
		}
	}
	slices.Sort(names)
	have := strings.Join(names, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(list, []byte(have), 0o666))
		return
	}
	want, err := os.ReadFile(list)
	require.NoError(t, err)
	require.Equal(t, string(want), have, "the exported names have changed; if that is meant, run the test with -update")
}

// exported returns name and, if obj is a type, also the names of its exported fields and methods,
// the promoted ones too.
func exported(name string, obj types.Object) []string {
	names := []string{name}
	tn, ok := obj.(*types.TypeName)
	if !ok || tn.IsAlias() {
		return names
	}
	var ms *types.MethodSet
	switch u := tn.Type().Underlying().(type) {
	case *types.Interface:
		ms = types.NewMethodSet(u)
	case *types.Struct:
		for f := range u.Fields() {
			if f.Exported() && tn.Type().(*types.Named).Obj().Pkg() == f.Pkg() {
				names = append(names, name+"."+f.Name())
			}
		}
	}
	if ms == nil {
		ms = types.NewMethodSet(types.NewPointer(tn.Type()))
	}
	for m := range ms.Methods() {
		if m.Obj().Exported() {
			names = append(names, name+"."+m.Obj().Name())
		}
	}
	return names
}
