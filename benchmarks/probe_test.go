package benchmarks

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A probe is a measurement in a process of its own. The process is this test binary, with probeEnv
// set to the probe's name and arguments. It prints a line "value unit" for each metric.
//
// Memory needs a process of its own because Go keeps the descriptors of dead goroutines for ever.
// Goroutines of earlier benchmarks would make later ones look cheaper. IdleCPU needs one because
// the garbage collector goes on returning memory to the system for a long time.

const probeEnv = "HEDDLE_BENCH_PROBE"

// probes are the measurements that a child process can do. They return the metrics by unit.
var probes = map[string]func(args []string) (map[string]float64, error){
	"actors": actorProbe,
	"cancel": cancelProbe,
	"memory": memoryProbe,
	"idle":   idleProbe,
}

// runProbe is the main function of a child process.
func runProbe(spec string) (exit int) {
	args := strings.Fields(spec)
	m, err := probes[args[0]](args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for unit, v := range m {
		fmt.Println(v, unit)
	}
	return 0
}

// probe runs a child process b.N times and reports the means of its metrics.
func probe(b *testing.B, args ...any) {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	sum := map[string]float64{}
	for range b.N {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), probeEnv+"="+strings.TrimSpace(fmt.Sprintln(args...)))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("probe %v: %v\n%s", args, err, &stderr)
		}
		for line := range strings.Lines(string(out)) {
			var v float64
			var unit string
			if _, err := fmt.Sscan(line, &v, &unit); err != nil {
				b.Fatalf("probe %v: line %q: %v", args, line, err)
			}
			sum[unit] += v
		}
	}
	if len(sum) == 0 {
		b.Fatalf("probe %v reported nothing", args)
	}
	b.ReportMetric(0, "ns/op") // leave out the time, which would be that of the whole child process
	for unit, v := range sum {
		b.ReportMetric(v/float64(b.N), unit)
	}
}
