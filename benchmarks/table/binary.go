package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// metrics holds what one run of a row reported, by unit.
type metrics map[string]float64

// A binary is the test binary of package benchmarks.
type binary struct {
	root string // root of the module
	tmp  string
	cpu  string // the processor's name, from the binary's output; set by list
}

// build builds the binary in a temporary folder.
func build(ctx context.Context, stderr io.Writer) (*binary, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/heddle-go/heddle").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot find the module: run the command inside a copy of heddle's repository: %w", because(err))
	}
	tmp, err := os.MkdirTemp("", "heddle-table")
	if err != nil {
		return nil, err
	}
	b := &binary{root: strings.TrimSpace(string(out)), tmp: tmp}
	fmt.Fprintln(stderr, "building the benchmarks")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", b.exe(), "./benchmarks")
	cmd.Dir = b.root
	if out, err := cmd.CombinedOutput(); err != nil {
		b.remove()
		return nil, fmt.Errorf("cannot build the benchmarks: %w\n%s", err, out)
	}
	return b, nil
}

// because adds a command's error output to its error.
func because(err error) error {
	var e *exec.ExitError
	if errors.As(err, &e) && len(e.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(e.Stderr))
	}
	return err
}

// exe returns the path of the binary. Windows needs the suffix, and it does no harm elsewhere.
func (b *binary) exe() string { return filepath.Join(b.tmp, "benchmarks.test.exe") }

// If this fails, the folder stays among the system's temporary files.
func (b *binary) remove() { _ = os.RemoveAll(b.tmp) }

// command returns a command that runs the binary.
func (b *binary) command(ctx context.Context, bench, benchtime string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.exe(), "-test.run", "^$", "-test.bench", bench, "-test.benchtime", benchtime, "-test.timeout", "0")
	cmd.Dir = filepath.Join(b.root, "benchmarks")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// list returns the names of all rows.
func (b *binary) list(ctx context.Context) ([]row, error) {
	out, err := b.command(ctx, ".", "1x", "HEDDLE_BENCH_LIST=1").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the rows: %w", because(err))
	}
	b.cpu = cpuOf(string(out))
	return parseList(string(out))
}

// parseList reads the names of rows from lines that begin with "row ".
func parseList(out string) (rows []row, err error) {
	for line := range strings.Lines(out) {
		// The binary may have begun a line before the name.
		_, name, ok := strings.Cut(strings.TrimSpace(line), "row Benchmark")
		if !ok {
			continue
		}
		r, err := parseRow("Benchmark" + name)
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

// row runs one row once.
func (b *binary) row(ctx context.Context, r row, benchtime string, round int) (metrics, error) {
	cmd := b.command(ctx, exactly(r.full), benchtime, fmt.Sprintf("HEDDLE_BENCH_ROUND=%d", round))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return parseResult(string(out), r.full)
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
func parseResult(out, name string) (metrics, error) {
	lines := bufio.NewScanner(strings.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[0] != name && procsSuffix.ReplaceAllString(fields[0], "") != name {
			continue
		}
		m := metrics{}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("in the line %q: %w", lines.Text(), err)
			}
			m[fields[i+1]] = v
		}
		return m, nil
	}
	return nil, fmt.Errorf("no result in the output:\n%s", out)
}

// machine describes the machine on which the rows ran.
func (b *binary) machine() string {
	cpu := b.cpu
	if cpu == "" {
		cpu = "CPU of unknown kind"
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// warnIfBusy prints a warning if other programs keep the machine busy, on systems that report it.
func warnIfBusy(stderr io.Writer) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return
	}
	var load float64
	if _, err := fmt.Sscan(string(text), &load); err == nil && load > 0.5 {
		fmt.Fprintf(stderr, "the machine is busy (load %.1f on %d cores): the figures will mean little\n", load, runtime.NumCPU())
	}
}
