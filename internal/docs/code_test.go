package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// A snippet is a ```go block of a document, as a program or a test.
type snippet struct {
	from    string // file:line
	pkg     string // its folder below internal/docs, which exists only in the overlay
	isTest  bool   // go test builds it
	program string
	output  string // the output that the block promises, or ""; see wantOutput
}

// TestCodeInDocuments compiles and runs the Go code in every Markdown file. A block that starts
// with "package" is a program, and one that starts with "func Test" is a test. Any other block is
// the body of a task's function, in which sched is a scheduler, c its *task.Ctx and ctx a context.
// Tests and such bodies may use the packages of imports without importing them. As in Go's
// examples, a comment "// Output:" at the end of a block states the output.
//
// The go command's -overlay lays the programs over the module. So they are built offline with the
// module's own dependencies, and the test writes nothing into the tree.
func TestCodeInDocuments(t *testing.T) {
	var all []snippet
	for _, file := range sources(t, ".md") {
		text := read(t, file)
		for _, m := range goBlock.FindAllStringSubmatchIndex(text, -1) {
			line := 1 + strings.Count(text[:m[0]], "\n")
			s := snippet{from: fmt.Sprintf("%s:%d", file, line), pkg: fmt.Sprintf("snippet%d", len(all))}
			code := text[m[2]:m[3]]
			s.output = wantOutput(code)
			s.isTest = isTest(code)
			var err error
			s.program, err = program(code)
			require.NoError(t, err, s.from)
			require.NotContains(t, s.program, module+"/internal", "%s: users cannot import that", s.from)
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		t.Fatal("no Go code in any document")
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	here, err := os.Getwd()
	require.NoError(t, err)
	into := []string{"-overlay", filepath.Join(dir, "overlay.json"), "-o", dir + string(filepath.Separator)}
	programs, tests := append([]string{"build"}, into...), append([]string{"test", "-c", "-vet=off"}, into...)
	for _, s := range all {
		onDisk, name := filepath.Join(dir, s.pkg+".go"), "main.go"
		require.NoError(t, os.WriteFile(onDisk, []byte(s.program), 0o644))
		if s.isTest {
			name = "main_test.go"
			tests = append(tests, "./"+s.pkg)
		} else {
			programs = append(programs, "./"+s.pkg)
		}
		overlay.Replace[filepath.Join(here, s.pkg, name)] = onDisk
	}
	list, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o644))
	for _, args := range [][]string{programs, tests} {
		if !strings.HasPrefix(args[len(args)-1], "./") {
			continue // no document has one
		}
		out, err := exec.Command("go", args...).CombinedOutput()
		if err != nil {
			for _, s := range all {
				t.Logf("%s is %s:\n%s", s.pkg, s.from, s.program)
			}
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, s := range all {
		t.Run(s.from, func(t *testing.T) {
			exe := filepath.Join(dir, s.pkg)
			if s.isTest {
				exe += ".test"
			}
			if runtime.GOOS == "windows" {
				exe += ".exe"
			}
			// The timeout is for a program that hangs.
			ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
			defer cancel()
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(ctx, exe)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			require.NoError(t, cmd.Run(), "%s\n%s", stderr.String(), s.program)
			if s.isTest {
				require.Equal(t, "PASS", strings.TrimSpace(stdout.String()), "there was no test, or it printed")
			} else if s.output != "" {
				require.Equal(t, s.output, strings.TrimSpace(stdout.String()))
			}
		})
	}
}

// wantOutput returns the text behind "// Output:" at the end of a block.
func wantOutput(code string) string {
	_, after, found := strings.Cut(code, "// Output:")
	if !found {
		return ""
	}
	var lines []string
	for line := range strings.Lines(after) {
		lines = append(lines, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "//")))
	}
	for len(lines) > 0 && (lines[len(lines)-1] == "" || lines[len(lines)-1] == "}") {
		lines = lines[:len(lines)-1]
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// imports are the packages that a block which is not a program may use.
var imports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "log": "log", "math": "math", "os": "os",
	"runtime": "runtime", "slog": "log/slog", "sync": "sync", "atomic": "sync/atomic", "time": "time",
	"http": "net/http", "httptest": "net/http/httptest", "errgroup": "golang.org/x/sync/errgroup",
	"testing": "testing", "synctest": "testing/synctest",
	"scheduler": module + "/scheduler", "task": module + "/task", "deque": module + "/deque", "preempt": module + "/preempt",
	"tsync": module + "/task/tsync", "parallel": module + "/task/parallel",
}

func isTest(code string) bool { return strings.HasPrefix(strings.TrimSpace(code), "func Test") }

// program makes a program, or a file of tests, from a block.
func program(code string) (string, error) {
	if strings.HasPrefix(strings.TrimSpace(code), "package ") {
		return code, nil
	}
	used := map[string]bool{"scheduler": true, "task": true, "context": true}
	wrapped := "package p\nfunc _() {\n" + code + "\n}"
	if isTest(code) {
		used, wrapped = map[string]bool{}, "package p\n"+code
	}
	probe, err := parser.ParseFile(token.NewFileSet(), "", wrapped, 0)
	if err != nil {
		return "", err
	}
	ast.Inspect(probe, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && imports[x.Name] != "" && x.Obj == nil {
				used[x.Name] = true
			}
		}
		return true
	})
	var b strings.Builder
	b.WriteString("package main\nimport (\n")
	names := make([]string, 0, len(used))
	for name := range used {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%q\n", imports[name])
	}
	b.WriteString(")\n")
	if isTest(code) {
		b.WriteString(code)
		src, err := format.Source([]byte(b.String()))
		return string(src), err
	}
	b.WriteString(`
func main() {
	sched, err := scheduler.New()
	if err != nil { panic(err) }
	defer sched.Close()
	ctx := context.Background()
	body := func(sched *scheduler.Scheduler, ctx context.Context, c *task.Ctx) {
`)
	b.WriteString(code)
	b.WriteString(`
	}
	if err := sched.Go(func(c *task.Ctx) { body(sched, ctx, c) }).Wait(); err != nil { panic(err) }
}
`)
	src, err := format.Source([]byte(b.String()))
	return string(src), err
}

func TestWantOutput(t *testing.T) {
	require.Equal(t, "", wantOutput("x := 1\n"))
	require.Equal(t, "1\n2", wantOutput("f()\n// Output:\n// 1\n// 2\n"))
	require.Equal(t, "ok", wantOutput("\tf()\n\t// Output: ok\n}\n"))
}
