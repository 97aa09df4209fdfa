package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	goFile  = regexp.MustCompile(`(?:package (\w+)'s )?([\w/]*\w\.go)\b`)
	docLink = regexp.MustCompile(`(?:^|[\s(])\[\*?((?:\w+\.)?[A-Z]\w*(?:\.[A-Z]\w*)?)\]`)
)

// The files that comments mention exist. A bare name is a file of the same folder. After "package
// x's" it is a file of package x. A name with slashes is the end of a path below the module's
// folder.
func TestFilesNamedInComments(t *testing.T) {
	files := map[string]bool{}
	all := sources(t, ".go")
	for _, file := range all {
		files[file] = true
	}
	n := 0
	for _, file := range all {
		for _, c := range parseFile(t, file, parser.ParseComments|parser.SkipObjectResolution).Comments {
			for _, m := range goFile.FindAllStringSubmatch(unwrapped(c), -1) {
				n++
				pkg, name := m[1], m[2]
				found := files[path.Join(path.Dir(file), name)]
				for f := range files {
					switch {
					case found:
					case pkg != "":
						found = path.Base(path.Dir(f)) == pkg && path.Base(f) == name
					case strings.Contains(name, "/"):
						found = f == name || strings.HasSuffix(f, "/"+name)
					}
				}
				if !found {
					t.Errorf("%s mentions %s, which does not exist", file, m[0])
				}
			}
		}
	}
	require.Greater(t, n, 20, "mentions of files")
}

// The names in doc links exist. Names of packages outside of the module, as in [context.Cause], are
// not looked up.
func TestNamesInDocLinks(t *testing.T) {
	// Names, and names of types with their members, by folder.
	declared := map[string]map[string]bool{}
	all := sources(t, ".go")
	parsed := map[string]*ast.File{}
	for _, file := range all {
		f := parseFile(t, file, parser.ParseComments|parser.SkipObjectResolution)
		parsed[file] = f
		dir := path.Dir(file)
		if declared[dir] == nil {
			declared[dir] = map[string]bool{}
		}
		declare(f, declared[dir])
	}
	n := 0
	for file, f := range parsed {
		imported := map[string]string{} // folders below the module's, by the name of the package
		for _, imp := range f.Imports {
			to := strings.Trim(imp.Path.Value, `"`)
			name := path.Base(to)
			if imp.Name != nil {
				name = imp.Name.Name
			}
			folder, _ := strings.CutPrefix(to, module+"/")
			imported[name] = folder
		}
		for _, c := range f.Comments {
			for _, m := range docLink.FindAllStringSubmatch(c.Text(), -1) {
				n++
				dir, name := path.Dir(file), m[1]
				if first, rest, ok := strings.Cut(name, "."); ok && !token.IsExported(first) {
					dir, name = imported[first], rest
					if dir == "" {
						dir = first // a package that this file does not import
					}
					if info, err := os.Stat(filepath.Join(top, dir)); err != nil || !info.IsDir() {
						continue
					}
				}
				if !declared[dir][name] {
					t.Errorf("%s: the doc link [%s] leads nowhere", file, m[1])
				}
			}
		}
	}
	require.Greater(t, n, 50, "doc links")
}

// declare adds the names that f declares to names: functions, types, constants and variables, and
// fields and methods as Type.Name.
func declare(f *ast.File, names map[string]bool) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			names[name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						names[id.Name] = true
					}
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
					fields(spec, func(x *ast.Field) {
						for _, id := range x.Names {
							names[spec.Name.Name+"."+id.Name] = true
						}
					})
				}
			}
		}
	}
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// unwrapped returns the text of a comment in one line, so that a name and the package before it are
// not torn apart.
func unwrapped(c *ast.CommentGroup) string {
	return strings.Join(strings.Fields(c.Text()), " ")
}

func TestReferenceForms(t *testing.T) {
	require.Equal(t, [][]string{{"a/b.go", "", "a/b.go"}, {"package x's c.go", "x", "c.go"}},
		goFile.FindAllStringSubmatch("see a/b.go, and package x's c.go.", -1))
	require.Nil(t, goFile.FindStringSubmatch("an algorithm. Go on"))
	for text, want := range map[string]string{
		"[Flag.Poll] inlines": "Flag.Poll", "see [*Ctx]": "Ctx", "(see [rt.Task.Host])": "rt.Task.Host",
		"s[I]": "", "in [t, S)": "", "[iter]": "",
	} {
		got := ""
		if m := docLink.FindStringSubmatch(text); m != nil {
			got = m[1]
		}
		require.Equal(t, want, got, text)
	}

	src := "package p\n\ntype T[A any] struct{ F int }\n\nfunc (t *T[A]) M() {}\n\nfunc f() {}\n\nconst C = 1\n"
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	require.NoError(t, err)
	names := map[string]bool{}
	declare(f, names)
	require.Equal(t, map[string]bool{"T": true, "T.F": true, "T.M": true, "f": true, "C": true}, names)
}
