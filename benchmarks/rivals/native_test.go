package rivals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/benchmarks/harness"
)

// nativeEnv is an environment variable with the folder for the programs of other languages. The
// command table sets it, so that they are built once for all its runs. Without it they are in a
// temporary folder, and are built when a row first needs them.
const nativeEnv = "HEDDLE_NATIVE"

// A native is a library of another language.
type native struct {
	name      string
	scenarios string // separated by spaces
	build     func(ctx context.Context, sources, target string) error
}

var natives = []native{
	{"onetbb", "Spawn Submit Files Fib Sort", cxx("onetbb.cpp", "-ltbb")},
	{"openmp", "Spawn Files Fib Sort", cxx("openmp.cpp", "-fopenmp")},
	{"rayon", "Spawn Submit Files Fib Sort", cargo("rayon")},
	{"tokio", "Spawn Submit", cargo("tokio")},
}

// cxx builds a C++ program with the system's libraries.
func cxx(source, flag string) func(ctx context.Context, sources, target string) error {
	return func(ctx context.Context, sources, target string) error {
		return tool(
			ctx, "c++", "-O2", "-std=c++17", "-pthread", "-o", target,
			filepath.Join(sources, source), flag,
		)
	}
}

// crates is where Debian's packages put the sources of crates.
const crates = "/usr/share/cargo/registry"

// cargo builds a Rust program with the crates of the system's packages.
func cargo(name string) func(ctx context.Context, sources, target string) error {
	return func(ctx context.Context, sources, target string) error {
		if _, err := os.Stat(crates); err != nil {
			return fmt.Errorf("no crates from packages: %w", err)
		}
		dir := filepath.Join(sources, name)
		if err := tool(ctx, "cargo", "build", "--quiet", "--release", "--offline",
			"--manifest-path", filepath.Join(dir, "Cargo.toml"),
			"--target-dir", filepath.Join(dir, "target"),
			"--config", `source.crates-io.replace-with="system"`,
			"--config", fmt.Sprintf("source.system.directory=%q", crates)); err != nil {
			return err
		}
		return os.Rename(filepath.Join(dir, "target", "release", "rival"), target)
	}
}

// tool runs a command. Its error has one line, with the first error that the command reported.
func tool(ctx context.Context, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("there is no command %s", name)
	}
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "error") {
				return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(line))
			}
		}
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

// A shelf is the folder in which the programs are.
type shelf struct {
	dir  string
	mine bool // a temporary folder of this process
}

var openShelf = sync.OnceValues(func() (shelf, error) {
	if dir := os.Getenv(nativeEnv); dir != "" {
		return shelf{dir, false}, os.MkdirAll(dir, 0o755)
	}
	dir, err := os.MkdirTemp("", "heddle-native")
	return shelf{dir, true}, err
})

// used says whether openShelf was called.
var used bool

// removeNative removes the temporary folder, if there is one.
func removeNative() error {
	if !used {
		return nil
	}
	if s, err := openShelf(); err == nil && s.mine {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// program returns the path of the library's program, and builds it if it is not there. If that
// fails, it keeps the reason in a file, for the next process.
func (n native) program(ctx context.Context) (string, error) {
	used = true
	s, err := openShelf()
	if err != nil {
		return "", err
	}
	target, reason := filepath.Join(s.dir, n.name+".exe"), filepath.Join(s.dir, n.name+".absent")
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	if text, err := os.ReadFile(reason); err == nil {
		return "", errors.New(string(text))
	}
	sources, err := os.MkdirTemp(s.dir, "build") // cargo writes beside the sources
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(sources)
	if err := os.CopyFS(sources, os.DirFS("native")); err != nil {
		return "", err
	}
	if err := n.build(ctx, sources, target); err != nil {
		return "", errors.Join(err, os.WriteFile(reason, []byte(err.Error()), 0o644))
	}
	return target, nil
}

// runs reports whether the library has rows for a scenario.
func (n native) runs(scenario string) bool {
	for s := range strings.FieldsSeq(n.scenarios) {
		if s == scenario {
			return true
		}
	}
	return false
}

var reported = map[string]bool{}

// runNative runs or lists the rows of other languages for a scenario. args are the program's
// arguments besides workers= and ops=.
func runNative(b *testing.B, scenario string, args []string, keys ...string) {
	for _, n := range natives {
		if !n.runs(scenario) || n.name == "openmp" && scenario == "Fib" && keys[0] != "n=27" {
			continue // 15 million tasks take OpenMP many seconds
		}
		if os.Getenv(harness.ListEnv) != "" {
			if _, err := n.program(b.Context()); err != nil {
				if !reported[n.name] {
					fmt.Printf("absent %s: %v\n", n.name, err)
				}
				reported[n.name] = true
				continue
			}
		}
		harness.Run(b, n.name, func(b *testing.B, workers int) {
			program, err := n.program(b.Context())
			if err != nil {
				b.Skipf("absent: %v", err)
			}
			b.ResetTimer()
			took, err := operate(b.Context(), program, scenario, workers, b.N, args)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(took, "ns/op")
		}, keys...)
	}
}

// operate runs a program and returns the nanoseconds of one operation.
func operate(
	ctx context.Context, program, scenario string, workers, ops int, args []string,
) (float64, error) {
	all := append(
		[]string{scenario, harness.Key("workers", workers), harness.Key("ops", ops)},
		args...)
	out, err := exec.CommandContext(ctx, program, all...).Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(e.Stderr))
		}
		return 0, fmt.Errorf("%s %s: %w", filepath.Base(program), strings.Join(all, " "), err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// TestNative checks that each program that can be built here runs each of its scenarios, which it
// checks itself, and refuses a wrong answer. With -short only OpenMP's is built, in a second.
func TestNative(t *testing.T) {
	args := map[string][]string{
		"Spawn": {
			"outstanding=10",
		}, "Submit": {"outstanding=10", "producers=3"}, "Files": {"items=1000", "steps=10"},
		"Fib": {"n=15", "value=610"}, "Sort": {"items=1000"},
	}
	for _, n := range natives {
		if testing.Short() && n.name != "openmp" {
			continue
		}
		program, err := n.program(t.Context())
		if err != nil {
			t.Logf("absent: %s: %v", n.name, err)
			continue
		}
		for scenario, args := range args {
			if !n.runs(scenario) {
				continue
			}
			for _, workers := range []int{1, 2} {
				took, err := operate(t.Context(), program, scenario, workers, 25, args)
				if err != nil || took <= 0 {
					t.Errorf(
						"%s %s, %d workers: %v ns an operation, error %v", n.name, scenario,
						workers, took, err,
					)
				}
			}
		}
		for _, bad := range [][]string{
			{"Fib", "workers=1", "ops=1", "n=15", "value=611"},
			{"Nothing", "workers=1", "ops=1", "outstanding=1"},
			{},
		} {
			if n.runs("Fib") || len(bad) == 0 || bad[0] != "Fib" {
				if err := exec.CommandContext(t.Context(), program, bad...).Run(); err == nil {
					t.Errorf("%s %v: no error", n.name, bad)
				}
			}
		}
	}
}

// TestAbsent checks that a library whose tool is missing has no program, for the same reason in
// each process.
func TestAbsent(t *testing.T) {
	n := native{
		"nothing",
		"",
		func(ctx context.Context, _, _ string) error { return tool(ctx, "no-such-compiler") },
	}
	for range 2 {
		if _, err := n.program(t.Context()); err == nil ||
			!strings.Contains(err.Error(), "there is no command no-such-compiler") {
			t.Errorf("got error %v", err)
		}
		n.build = nil // the reason is on the shelf
	}
}
