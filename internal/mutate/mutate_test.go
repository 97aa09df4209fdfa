package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the module's folder, relative to this one.
var root = filepath.Join("..", "..")

// TestLists fails if the code has changed so that a list no longer applies. It takes seconds,
// because it compiles no mutant.
func TestLists(t *testing.T) {
	lists, err := filepath.Glob(filepath.Join(root, ".ci", "mutants", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, lists)
	all, err := readLists(lists)
	require.NoError(t, err)
	for _, e := range all {
		text, err := e.mutated(root)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), e.file, text, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: %s: the mutant is no Go: %v", e.at, e.name, err)
		}
		requireTests(t, e)
	}
}

var aTest = regexp.MustCompile(`\b(Test|Fuzz|Example)\w*`)

// requireTests checks that the package of e has the tests that e names.
func requireTests(t *testing.T, e *entry) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(e.pkg()), "*_test.go"))
	require.NoError(t, err)
	var source []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		source = append(source, b...)
	}
	for i, arg := range e.test[:len(e.test)-1] {
		if arg != "-run" {
			continue
		}
		names := aTest.FindAllString(e.test[i+1], -1)
		if len(names) == 0 {
			t.Errorf("%s: %s: -run names no test", e.at, e.name)
		}
		for _, name := range names {
			if !regexp.MustCompile(`(?m)^func ` + name).Match(source) {
				t.Errorf("%s: %s: %s has no %s", e.at, e.name, e.pkg(), name)
			}
		}
	}
}

func TestParse(t *testing.T) {
	es, err := parse("list", `# a comment

mutant: first
file: a/b.go
test: -race -run ^TestX$ ./a
speed: fast
--- old
	if x {

	}
--- new
--- end
mutant: second
file: c.go
test: -run ^TestY$ ./c
speed: slow
kills: hang
--- old
# not a comment
--- new
file: text
--- end`)
	require.NoError(t, err)
	require.Equal(t, []*entry{
		{name: "first", file: "a/b.go", test: []string{"-race", "-run", "^TestX$", "./a"}, fast: true,
			old: "\tif x {\n\n\t}", new: "", at: "list:3"},
		{name: "second", file: "c.go", test: []string{"-run", "^TestY$", "./c"}, hang: true,
			old: "# not a comment", new: "file: text", at: "list:13"},
	}, es)
}

func TestParseErrors(t *testing.T) {
	const good = "mutant: m\nfile: f.go\ntest: -run X ./p\n"
	for _, c := range []struct{ list, message string }{
		{"file: f.go", `list:1: expected a line "mutant: name"`},
		{good, "list:3: mutant m has no text"},
		{good + "speed: quick", "list:4: speed is fast or slow"},
		{good + "kills: time", "list:4: the only thing"},
		{good + "color: red", "list:4: not a line of an entry"},
		{"mutant: m\nfile: f.go\ntest: -bench B -run X ./p\n--- old\na\n--- new\nb\n--- end", "-bench is not among the flags"},
		{good + "--- old\na\n--- end\n", `list:4: no line "--- new" ends the block`},
		{good + "--- old\na\n--- new\nb\n", `list:6: no line "--- end" ends the block`},
		{good + "--- old\na\n--- new\na\n--- end", "are the same"},
		{good + "--- old\n--- new\na\n--- end", "no old text"},
		{"mutant: m\nfile: f.go\ntest: ./p\n--- old\na\n--- new\nb\n--- end", "with -run"},
		{"mutant: m\nfile: f.go\ntest: -run X\n--- old\na\n--- new\nb\n--- end", "ends with a package"},
		{"mutant: m\ntest: -run X ./p\n--- old\na\n--- new\nb\n--- end", "no file"},
	} {
		_, err := parse("list", c.list)
		require.ErrorContains(t, err, c.message, "%s", c.list)
	}
}

func TestSplit(t *testing.T) {
	e := &entry{test: strings.Fields("-race -run ^TestX$ -short -tags a -timeout 5s -cpu 1 ./p")}
	build, run := e.split()
	require.Equal(t, strings.Fields("-race -tags a ./p"), build)
	require.Equal(t, strings.Fields("-test.run ^TestX$ -test.short -test.timeout 5s -test.cpu 1"), run)
}

// If several mutants are planted at once, they are reported in the order of the list.
func TestPlantAllInOrder(t *testing.T) {
	var es []*entry
	for i := range 20 {
		es = append(es, &entry{name: fmt.Sprint(i), file: "missing.go"})
	}
	var names []string
	plantAll(newPlanter(t.TempDir(), t.TempDir()), es, 4, func(e *entry, r result) {
		require.Equal(t, wrong, r.verdict)
		names = append(names, e.name)
	})
	require.Len(t, names, len(es))
	for i, name := range names {
		require.Equal(t, fmt.Sprint(i), name)
	}
}

func TestMutated(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte("one two two three\n"), 0o600))
	text, err := (&entry{name: "m", file: "a.go", old: "one", new: "1"}).mutated(dir)
	require.NoError(t, err)
	require.Equal(t, "1 two two three\n", text)
	for old, message := range map[string]string{"two": "stands 2 times in a.go", "four": "stands 0 times in a.go"} {
		_, err = (&entry{name: "m", file: "a.go", old: old}).mutated(dir)
		require.ErrorContains(t, err, message)
	}
	_, err = (&entry{name: "m", file: "b.go"}).mutated(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// The external test package is left out only if the entry's test is in the package itself.
func TestSpare(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a_test.go": "package p\n\nfunc TestInside(t *testing.T) {}\n",
		"b_test.go": "package p_test\n\nfunc TestOutside(t *testing.T) {}\n",
		"c_test.go": "// Package p_test is meant.\npackage p_test\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "p"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "p", name), []byte(text), 0o600))
	}
	outside := []string{filepath.Join(dir, "p", "b_test.go"), filepath.Join(dir, "p", "c_test.go")}
	for run, want := range map[string][]string{
		"-run ^TestInside$": outside, "-run ^TestInside$/sub": outside, "-run ^TestOutside$": nil, "-run ^Test": nil, "-run ^TestNone$": nil, "-short": nil,
	} {
		files, err := (&entry{test: append(strings.Fields(run), "./p")}).spare(dir)
		require.NoError(t, err)
		require.Equal(t, want, files, run)
	}
	_, err := (&entry{name: "m", at: "list:1", test: []string{"-run", "(", "./p"}}).spare(dir)
	require.ErrorContains(t, err, "list:1: m: ")
}

// TestPlant plants bugs in a module of its own: one that is killed, and one for each other outcome.
func TestPlant(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module m\n\ngo 1.21\n")
	write("m.go", "package m\n\nfunc F() int { return 1 }\n\nfunc Unused() int { return 2 }\n")
	write("m_test.go", `package m

import "testing"

func TestF(t *testing.T) {
	switch F() {
	case 1:
	case 3:
		select {}
	default:
		t.Fatal()
	}
}

func TestBroken(t *testing.T) { t.Fatal() }
`)
	p := newPlanter(dir, t.TempDir())
	for _, c := range []struct {
		old, new, test string
		want           verdict
	}{
		{"return 1", "return 2", "TestF", killed},
		{"return 2", "return 1", "TestF", survived},
		{"return 1", "return x", "TestF", wrong},
		{"return 1", "return 2", "TestG", wrong},
		{"return 1", "return 2", "TestBroken", wrong},
		{"return 0", "return 2", "TestF", wrong},
	} {
		e := &entry{name: "m", file: "m.go", test: []string{"-run", c.test, "./"}, old: c.old, new: c.new}
		got, why := p.plant(e)
		require.Equal(t, c.want, got, "%+v: %s", c, why)
	}

	// A hang kills a mutant only if the entry permits it. In this test the hang is certain, so the
	// limit can be short.
	p.limit, p.limitHang = 100*time.Millisecond, 100*time.Millisecond
	e := &entry{name: "m", file: "m.go", test: []string{"-run", "TestF", "./"}, old: "return 1", new: "return 3"}
	got, why := p.plant(e)
	require.Equal(t, survived, got, why)
	e.hang = true
	got, why = p.plant(e)
	require.Equal(t, killed, got, why)
}
