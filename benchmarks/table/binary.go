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

// metrics are what one run of a row reported, by unit.
type metrics map[string]float64

// A binary is the test binary of package benchmarks.
type binary struct {
	root string // of the module
	tmp  string
	cpu  string // as the binary calls it; known after list
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

// because adds to the error of a command what the command said.
func because(err error) error {
	var e *exec.ExitError
	if errors.As(err, &e) && len(e.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(e.Stderr))
	}
	return err
}

func (b *binary) exe() string { return filepath.Join(b.tmp, "benchmarks.test.exe") } // a name for every system

func (b *binary) remove() { _ = os.RemoveAll(b.tmp) } // left over in the worst case, in the system's folder for that

// command makes a run of the binary.
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
		// The binary may have begun a line of its own.
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

// exactly is the pattern that matches a row and no other.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// procsSuffix is what testing appends to a row's name.
var procsSuffix = regexp.MustCompile(`-[0-9]+$`)

// parseResult finds the line of a row in the output of a binary, and returns its metrics.
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

// machine describes where the rows ran.
func (b *binary) machine() string {
	cpu := b.cpu
	if cpu == "" {
		cpu = "CPU of unknown kind"
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// warnIfBusy says so if the machine has other things to do, where the system tells.
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
