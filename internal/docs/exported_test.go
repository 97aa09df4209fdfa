package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go/importer"

	"github.com/stretchr/testify/require"
)

// public are the packages that users import.
var public = []string{"deque", "preempt", "scheduler", "scheduler/schedhttp", "scheduler/schedtest", "task", "task/parallel", "task/tsync"}

// No name that users can use, reach through a field or call mentions a type of an internal package,
// in a signature, a field, an embedded type or a promoted method.
func TestExportedNamesNoInternalType(t *testing.T) {
	imp := exportData(t)
	var found []string
	for _, name := range public {
		pkg, err := imp.Import(module + "/" + name)
		require.NoError(t, err)
		l := &leaks{seen: map[types.Type]bool{}}
		for _, id := range pkg.Scope().Names() {
			if obj := pkg.Scope().Lookup(id); obj.Exported() {
				l.object(name+"."+id, obj)
			}
		}
		found = append(found, l.found...)
	}
	require.Empty(t, found)
}

// exportData imports the module's packages in the form that the compiler sees.
func exportData(t *testing.T) types.Importer {
	// Stat makes go test run again if a file has changed.
	for _, file := range sources(t, ".go") {
		_, err := os.Stat(filepath.Join(top, file))
		require.NoError(t, err)
	}
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	files := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
		files[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(files[path])
	})
}

// leaks finds types of internal packages in exported names.
type leaks struct {
	seen  map[types.Type]bool
	found []string
}

func (l *leaks) object(at string, obj types.Object) {
	if tn, ok := obj.(*types.TypeName); ok {
		if tn.IsAlias() {
			l.typ(at, types.Unalias(tn.Type()))
			return
		}
		l.named(at, tn.Type().(*types.Named))
		return
	}
	l.typ(at, obj.Type())
}

// named checks the visible part of a type of a public package: its exported fields and all of its
// exported methods, also promoted ones.
func (l *leaks) named(at string, n *types.Named) {
	for p := range n.TypeParams().TypeParams() {
		l.typ(at+"[...]", p.Constraint())
	}
	switch u := n.Underlying().(type) {
	case *types.Struct, *types.Interface:
		l.typ(at, u)
	default:
		l.typ(at+" (underlying)", u)
	}
	ms := types.NewMethodSet(types.NewPointer(n))
	for m := range ms.Methods() {
		if m.Obj().Exported() {
			l.typ(at+"."+m.Obj().Name(), m.Type())
		}
	}
}

// typ checks a type that users see at a place.
func (l *leaks) typ(at string, t types.Type) {
	switch t := t.(type) {
	case *types.Named:
		if pkg := t.Obj().Pkg(); pkg != nil && strings.Contains(pkg.Path()+"/", "/internal/") && strings.HasPrefix(pkg.Path(), module) {
			l.found = append(l.found, at+": "+t.Obj().Pkg().Name()+"."+t.Obj().Name())
		}
		for a := range t.TypeArgs().Types() {
			l.typ(at, a)
		}
	case *types.Alias:
		l.typ(at, types.Unalias(t))
	case *types.Pointer:
		l.typ(at, t.Elem())
	case *types.Slice:
		l.typ(at, t.Elem())
	case *types.Array:
		l.typ(at, t.Elem())
	case *types.Chan:
		l.typ(at, t.Elem())
	case *types.Map:
		l.typ(at, t.Key())
		l.typ(at, t.Elem())
	case *types.Signature:
		for v := range t.Params().Variables() {
			l.typ(at, v.Type())
		}
		for v := range t.Results().Variables() {
			l.typ(at, v.Type())
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() || f.Embedded() && promotes(f) {
				l.typ(at+"."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			if m.Exported() {
				l.typ(at+"."+m.Name(), m.Type())
			}
		}
	}
}

// promotes reports whether an embedded field of an unexported type promotes an exported field or
// method.
func promotes(f *types.Var) bool {
	ms := types.NewMethodSet(types.NewPointer(f.Type()))
	for m := range ms.Methods() {
		if m.Obj().Exported() {
			return true
		}
	}
	t := f.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	for g := range s.Fields() {
		if g.Exported() {
			return true
		}
	}
	return false
}
