package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/heddle-go/heddle/benchmarks/results"
)

// A binary is the test binary of a package with benchmarks.
type binary struct {
	dir string // of the package
	exe string
	env []string
}

// binaries are the test binaries of packages benchmarks and, if wanted, benchmarks/rivals.
type binaries struct {
	root string // of the module
	tmp  string
	all  []*binary

	// Set by list:
	of     map[string]*binary // by the full name of a row
	cpu    string             // the processor's name
	absent []string           // the peers that cannot run here, each with the reason
}

// nativeEnv is an environment variable with the folder for the programs of other languages. The
// rivals build in it what it lacks, so that they build only once in a run of this command. A user
// who sets it keeps the programs for the next run.
const nativeEnv = "HEDDLE_NATIVE"

// moduleRoot returns the folder of heddle's module.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/heddle-go/heddle").
		Output()
	if err != nil {
		return "", fmt.Errorf(
			"cannot find the module: run the command inside a copy of heddle's repository: %w",
			because(err),
		)
	}
	return strings.TrimSpace(string(out)), nil
}

// build builds the binaries in a temporary folder.
func build(ctx context.Context, peers bool, stderr io.Writer) (*binaries, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "heddle-table")
	if err != nil {
		return nil, err
	}
	bs := &binaries{root: root, tmp: tmp, of: map[string]*binary{}}
	fmt.Fprintln(stderr, "building the benchmarks")
	native := cmp.Or(os.Getenv(nativeEnv), filepath.Join(tmp, "native"))
	dirs := []string{"benchmarks"}
	if peers {
		dirs = append(dirs, "benchmarks/rivals")
		fmt.Fprintln(stderr, "those of other languages take a minute more")
	}
	for _, dir := range dirs {
		b := &binary{
			dir: filepath.Join(root, filepath.FromSlash(dir)),
			exe: filepath.Join(
				tmp, path.Base(dir)+".test.exe",
			), // Windows needs .exe, and it does no harm elsewhere
			env: []string{nativeEnv + "=" + native},
		}
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", b.exe, ".")
		cmd.Dir = b.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			bs.remove()
			err = fmt.Errorf("cannot build %s: %w\n%s", dir, err, out)
			if dir != "benchmarks" {
				err = fmt.Errorf("%w-peers=false leaves out other libraries", err)
			}
			return nil, err
		}
		bs.all = append(bs.all, b)
	}
	return bs, nil
}

// because adds a command's error output to its error.
func because(err error) error {
	var e *exec.ExitError
	if errors.As(err, &e) && len(e.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(e.Stderr))
	}
	return err
}

// If this fails, the folder stays among the system's temporary files.
func (bs *binaries) remove() { _ = os.RemoveAll(bs.tmp) }

// command returns a command that runs the binary.
func (b *binary) command(ctx context.Context, bench, benchtime string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(
		ctx, b.exe, "-test.run", "^$", "-test.bench", bench, "-test.benchtime", benchtime,
		"-test.timeout", "0",
	)
	cmd.Dir = b.dir
	cmd.Env = append(append(os.Environ(), b.env...), env...)
	return cmd
}

// list returns the names of all rows.
func (bs *binaries) list(ctx context.Context) (rows []results.Row, err error) {
	for _, b := range bs.all {
		out, err := b.command(ctx, ".", "1x", "HEDDLE_BENCH_LIST=1").Output()
		if err != nil {
			return nil, fmt.Errorf("cannot list the rows of %s: %w", b.dir, because(err))
		}
		some, err := parseList(string(out))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.dir, err)
		}
		for _, r := range some {
			bs.of[r.Full] = b
		}
		rows = append(rows, some...)
		bs.cpu = cmp.Or(bs.cpu, cpuOf(string(out)))
		bs.absent = append(bs.absent, absentOf(string(out))...)
	}
	return rows, nil
}

// parseList reads the names of rows from lines that begin with "row ".
func parseList(out string) (rows []results.Row, err error) {
	for line := range strings.Lines(out) {
		// The binary may have begun a line before the name.
		_, name, ok := strings.Cut(strings.TrimSpace(line), "row Benchmark")
		if !ok {
			continue
		}
		r, err := results.ParseRow("Benchmark" + name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, errors.New("the benchmarks have listed no rows")
	}
	return rows, nil
}

func cpuOf(out string) string {
	for line := range strings.Lines(out) {
		if cpu, ok := strings.CutPrefix(line, "cpu: "); ok {
			return strings.TrimSpace(cpu)
		}
	}
	return ""
}

// absentOf returns the rest of the lines that begin with "absent ".
func absentOf(out string) (reasons []string) {
	for line := range strings.Lines(out) {
		if _, reason, ok := strings.Cut(strings.TrimSpace(line), "absent "); ok {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// row runs one row once. list must have returned the row.
func (bs *binaries) row(
	ctx context.Context, r results.Row, benchtime string, round int,
) (results.Metrics, error) {
	b := bs.of[r.Full]
	if b == nil {
		return nil, fmt.Errorf("there is no row %s", r.Full)
	}
	out, err := b.command(ctx, exactly(r.Full), benchtime, fmt.Sprintf("HEDDLE_BENCH_ROUND=%d", round)).
		CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return parseResult(string(out), r.Full)
}

// exactly returns a -bench pattern that matches only the given row.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// procsSuffix matches the suffix that package testing adds to a row's name.
var procsSuffix = regexp.MustCompile(`-[0-9]+$`)

// parseResult finds a row's line in the output of a binary and returns its metrics.
func parseResult(out, name string) (results.Metrics, error) {
	lines := bufio.NewScanner(strings.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 ||
			fields[0] != name && procsSuffix.ReplaceAllString(fields[0], "") != name {
			continue
		}
		m, err := results.ParseMetrics(fields)
		if err != nil {
			return nil, fmt.Errorf("in the line %q: %w", lines.Text(), err)
		}
		return m, nil
	}
	return nil, fmt.Errorf("no result in the output:\n%s", out)
}

// machine describes the machine on which the rows ran.
func (bs *binaries) machine() string {
	cpu := bs.cpu
	if cpu == "" {
		cpu = "CPU of unknown kind"
	}
	return fmt.Sprintf(
		"%s, %d cores, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH,
		runtime.Version(),
	)
}

// warnIfBusy prints a warning if other programs keep the machine busy, on systems that report it.
func warnIfBusy(stderr io.Writer) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return
	}
	var load float64
	if _, err := fmt.Sscan(string(text), &load); err == nil && load > 0.5 {
		fmt.Fprintf(
			stderr, "the machine is busy (load %.1f on %d cores): the figures will mean little\n",
			load, runtime.NumCPU(),
		)
	}
}
