package tsync

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
)

// leftOut maps the tests of package sync that do not run here to the reason.
var leftOut = map[string]string{
	"TestCondCopy":    "only go vet finds a copy of a Cond here",
	"TestMutexMisuse": "an Unlock of an unlocked Mutex does not end the process here, but panics",
	"TestOnceXGC":     "it links to a function of the runtime, which the linker allows to the standard library alone",
	"TestSemaphore":   "it tests the runtime's semaphores",
}

// helpers are functions that only the tests in leftOut use.
var helpers = []string{"runCleanups", "runtime_blockUntilEmptyCleanupQueue", "HammerSemaphore", "misuseTests", "init"}

// otherText maps a text that a test compares with to the one that stands for it here.
var otherText = map[string]string{
	"sync: negative WaitGroup counter": "tsync: negative counter of a WaitGroup: more is Done than was added",
}

// TestPortedFromSync runs the tests of Go's package sync with the import changed to this package.
// It runs them twice: in goroutines, and with each test and each of its go statements as a task. In
// the first run nothing else is changed but one text of a panic, and the import of a helper that
// only the standard library can import.
func TestPortedFromSync(t *testing.T) {
	needGo(t)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	dir := filepath.Join(strings.TrimSpace(string(goroot)), "src", "sync")
	if tests, _ := filepath.Glob(filepath.Join(dir, "*_test.go")); len(tests) == 0 {
		t.Skip("this Go comes without the tests of package sync")
	}
	for _, inTasks := range []bool{false, true} {
		t.Run(map[bool]string{false: "goroutines", true: "tasks"}[inTasks], func(t *testing.T) {
			m := newModule(t)
			n := 0
			for _, name := range []string{"mutex", "rwmutex", "waitgroup", "once", "oncefunc", "cond"} {
				src, err := os.ReadFile(filepath.Join(dir, name+"_test.go"))
				require.NoError(t, err)
				text, tests := port(t, name, src, inTasks, map[string]string{"sync": tsyncPath, "internal/testenv": "ported/sync/testenv"})
				n += tests
				m.write(name+"_test.go", text)
			}
			require.Greater(t, n, 20, "the tests of package sync are somewhere else now")
			m.write("testenv/testenv.go", "package testenv\n\nimport \"testing\"\n\nfunc MustHaveExec(testing.TB) {}\n")
			m.main(inTasks)
			m.test(n)
		})
	}
}

// TestPortedFromSemaphore runs the tests of golang.org/x/sync/semaphore against Semaphore in the
// same way.
func TestPortedFromSemaphore(t *testing.T) {
	dir := xsync(t)
	for _, inTasks := range []bool{false, true} {
		t.Run(map[bool]string{false: "goroutines", true: "tasks"}[inTasks], func(t *testing.T) {
			m := newModule(t)
			src, err := os.ReadFile(filepath.Join(dir, "semaphore", "semaphore_test.go"))
			require.NoError(t, err)
			text, n := port(t, "semaphore", src, inTasks, map[string]string{"golang.org/x/sync/semaphore": "ported/sync/semaphore"})
			m.write("semaphore_test.go", text)
			m.write("semaphore/semaphore.go", "package semaphore\n\nimport \""+tsyncPath+"\"\n\n"+
				"type Weighted = tsync.Semaphore\n\nfunc NewWeighted(n int64) *Weighted { return tsync.NewSemaphore(n) }\n")
			require.Positive(t, n)
			m.main(inTasks)
			m.test(n)
		})
	}
}

// TestPortedFromErrgroup runs the tests of golang.org/x/sync/errgroup on task.Group, in tasks. A
// member is given a Ctx, which the tests have no use for.
func TestPortedFromErrgroup(t *testing.T) {
	dir := xsync(t)
	m := newModule(t)
	src, err := os.ReadFile(filepath.Join(dir, "errgroup", "errgroup_test.go"))
	require.NoError(t, err)
	text, n := port(t, "errgroup", src, true, map[string]string{"golang.org/x/sync/errgroup": "ported/sync/errgroup"})
	require.GreaterOrEqual(t, n, 5)
	m.write("errgroup_test.go", text)
	m.write("errgroup/errgroup.go", `package errgroup

import (
	"context"

	"github.com/heddle-go/heddle/task"
)

type Group struct {
	zero task.Group
	made *task.Group
}

func (g *Group) in() *task.Group {
	if g.made != nil {
		return g.made
	}
	return &g.zero
}

func WithContext(ctx context.Context) (*Group, context.Context) {
	c, _ := task.Current()
	made, ctx := task.NewGroupContext(ctx, c)
	return &Group{made: made}, ctx
}

func member(f func() error) func(*task.Ctx) error { return func(*task.Ctx) error { return f() } }

func (g *Group) Go(f func() error)         { g.in().Go(member(f)) }
func (g *Group) TryGo(f func() error) bool { return g.in().TryGo(member(f)) }
func (g *Group) SetLimit(n int)            { g.in().SetLimit(n) }
func (g *Group) Wait() error               { return g.in().Wait() }
`)
	m.main(true)
	m.test(n)
}

const tsyncPath = "github.com/heddle-go/heddle/task/tsync"

// xsync returns the directory of golang.org/x/sync, on which this module depends.
func xsync(t *testing.T) string {
	needGo(t)
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sync").CombinedOutput()
	require.NoError(t, err, "%s", out)
	dir := string(bytes.TrimSpace(out))
	require.NotEmpty(t, dir, "go mod download golang.org/x/sync")
	return dir
}

// needGo skips a test that runs the go command, with -short and where there is no go command.
func needGo(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles packages; step test of .ci/run runs it")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command, which the test runs")
	}
}

// A module is a temporary module that depends on this tree.
type module struct {
	t   *testing.T
	dir string
}

func newModule(t *testing.T) *module {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	m := &module{t, t.TempDir()}
	text := regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(string(mod), "module ported/sync")
	m.write("go.mod", []byte(text+"\nrequire github.com/heddle-go/heddle v0.0.0\n\nreplace github.com/heddle-go/heddle => "+
		strconv.Quote(filepath.ToSlash(root))+"\n"))
	m.write("go.sum", sum)
	return m
}

func (m *module) write(name string, text any) {
	m.t.Helper()
	path := filepath.Join(m.dir, filepath.FromSlash(name))
	require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
	if s, ok := text.(string); ok {
		text = []byte(s)
	}
	require.NoError(m.t, os.WriteFile(path, text.([]byte), 0o644))
}

// main writes the helpers of the ported tests: inTask runs a test, and spawn runs a go statement.
func (m *module) main(inTasks bool) {
	if !inTasks {
		return
	}
	m.write("main_test.go", `package sync_test

import (
	"os"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

var sched *scheduler.Scheduler

// The tests wait on native channels too, which blocks a worker; so there are more workers than
// tasks that do.
func TestMain(m *testing.M) {
	s, err := scheduler.New(scheduler.WithWorkers(256))
	if err != nil {
		panic(err)
	}
	sched = s
	code := m.Run()
	_ = s.Close()
	os.Exit(code)
}

func inTask(f func()) { _ = sched.Go(func(*task.Ctx) { f() }).Wait() }

func spawn(f func()) {
	if c, ok := task.Current(); ok {
		c.Go(func(*task.Ctx) { f() })
		return
	}
	sched.Go(func(*task.Ctx) { f() })
}
`)
}

// test runs the module's n tests.
func (m *module) test(n int) {
	m.t.Helper()
	args := []string{"test", "-mod=mod", "-v", "-count=1", "-timeout=5m", "."}
	if testkit.Race {
		args = slices.Insert(args, 1, "-race")
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off", "GODEBUG=")
	out, err := cmd.CombinedOutput()
	require.NoError(m.t, err, "%s", out)
	passed := len(regexp.MustCompile(`(?m)^--- PASS`).FindAll(out, -1))
	require.Equal(m.t, n, passed, "%s", out)
}

// port returns the source with its imports changed as from says, and without benchmarks and the
// tests in leftOut. tests is the number of tests that remain.
func port(t *testing.T, name string, src []byte, inTasks bool, from map[string]string) (text []byte, tests int) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, 0)
	require.NoError(t, err)
	f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
		switch d := d.(type) {
		case *ast.FuncDecl:
			base := d.Name.Name
			_, out := leftOut[base]
			return out || slices.Contains(helpers, base) || strings.Contains(strings.ToLower(base), "benchmark")
		case *ast.GenDecl:
			v, ok := d.Specs[0].(*ast.ValueSpec)
			return ok && slices.Contains(helpers, v.Names[0].Name)
		}
		return false
	})
	var imports *ast.GenDecl
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				imports = d
			}
		case *ast.FuncDecl:
			if !strings.HasPrefix(d.Name.Name, "Test") {
				break
			}
			tests++
			if inTasks {
				d.Body = &ast.BlockStmt{List: []ast.Stmt{&ast.ExprStmt{X: call("inTask", d.Body)}}}
			}
		}
	}
	if inTasks {
		spawned(f)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if x, ok := n.(*ast.BasicLit); ok && x.Kind == token.STRING {
			if s, err := strconv.Unquote(x.Value); err == nil && otherText[s] != "" {
				x.Value = strconv.Quote(otherText[s])
			}
		}
		return true
	})
	imports.Specs = slices.DeleteFunc(imports.Specs, func(s ast.Spec) bool {
		x := s.(*ast.ImportSpec)
		path, _ := strconv.Unquote(x.Path.Value)
		if to, ok := from[path]; ok {
			if x.Name == nil {
				if !uses(f, filepath.Base(path)) {
					return true
				}
				x.Name = ast.NewIdent(filepath.Base(path))
			}
			x.Path.Value = strconv.Quote(to)
			return false
		}
		if x.Name != nil {
			return true // _ "unsafe"
		}
		return !uses(f, filepath.Base(path))
	})
	var b bytes.Buffer
	f.Name = ast.NewIdent("sync_test")
	require.NoError(t, format.Node(&b, fset, f))
	return b.Bytes(), tests
}

// call returns a call of the function name with a function literal of that body.
func call(name string, body *ast.BlockStmt) *ast.CallExpr {
	return &ast.CallExpr{Fun: ast.NewIdent(name), Args: []ast.Expr{&ast.FuncLit{Type: &ast.FuncType{Params: &ast.FieldList{}}, Body: body}}}
}

// spawned turns each go statement into a call of spawn. A go statement would evaluate the arguments
// earlier, but those of the ported tests do not change in between.
func spawned(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		}
		for i, s := range list {
			if g, ok := s.(*ast.GoStmt); ok {
				list[i] = &ast.ExprStmt{X: call("spawn", &ast.BlockStmt{List: []ast.Stmt{&ast.ExprStmt{X: g.Call}}})}
			}
		}
		return true
	})
}

// uses reports whether n contains an identifier of that name.
func uses(n ast.Node, name string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == name {
				found = true
			}
		}
		return !found
	})
	return found
}
