// Command mutate plants the bugs of the lists in .ci/mutants, one at a time. For each entry, the
// test that it names must fail with the bug and pass without it.
//
//	go run ./internal/mutate              every mutant of every list
//	go run ./internal/mutate -fast        only mutants whose test takes less than about 10 s
//	go run ./internal/mutate -run 'wake'  only mutants whose name matches
//	go run ./internal/mutate list.txt     only mutants of these lists
//
// It prints a line for each mutant and a summary. It exits with 1 if a mutant survives or an entry
// is wrong. An entry is wrong if the old text does not occur exactly once in the file, if the
// mutant does not compile, or if the test does not exist or fails without the bug.
//
// An entry of a list is
//
//	mutant: short-name-with-dashes
//	file: internal/engine/find.go
//	test: -run ^TestNextSlotBehindAHog$ ./scheduler
//	speed: fast
//	kills: hang
//	--- old
//	exact old lines
//	--- new
//	exact new lines
//	--- end
//
// The line test has the arguments of go test after -count 1; the flags may be -run, -race, -tags,
// -short, -timeout, -cpu and -gcflags. Programs are compiled without optimization; for a test that
// depends on it, -gcflags ./...= turns it on. speed is fast or slow. If the test runs into its time
// limit, the mutant counts as killed only if the entry has the line kills. Lines between entries
// that begin with # are comments.
//
// The go command's overlay replaces the changed files, so mutate never changes the tree. It plants
// as many mutants at once as there are CPUs, because most of the work is compiling. With -jobs 1 it
// plants one at a time.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

func main() {
	fast := flag.Bool("fast", false, "leave out the slow mutants")
	run := flag.String("run", "", "only the mutants whose name matches this `regexp`")
	verbose := flag.Bool("v", false, "print what each test says")
	jobs := flag.Int("jobs", runtime.NumCPU(), "plant `n` mutants at once")
	flag.Parse()
	ok, err := mutate(flag.Args(), *run, *fast, *verbose, *jobs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// mutate plants the mutants that the arguments select and reports whether all of them are killed.
func mutate(lists []string, run string, fast, verbose bool, jobs int) (ok bool, err error) {
	name, err := regexp.Compile(run)
	if err != nil {
		return false, err
	}
	root, err := moduleRoot()
	if err != nil {
		return false, err
	}
	if len(lists) == 0 {
		if lists, err = filepath.Glob(filepath.Join(root, ".ci", "mutants", "*.txt")); err != nil {
			return false, err
		}
	}
	all, err := readLists(lists)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)

	var chosen []*entry
	for _, e := range all {
		if (!fast || e.fast) && name.MatchString(e.name) {
			chosen = append(chosen, e)
		}
	}
	count := map[verdict]int{}
	begin := time.Now()
	plantAll(newPlanter(root, dir), chosen, jobs, func(e *entry, r result) {
		count[r.verdict]++
		fmt.Printf("%-9s %-52s %5.1f s  %s\n", r.verdict, e.name, r.took.Seconds(), e.at)
		if r.verdict != killed || verbose {
			fmt.Print(indent(r.why))
		}
	})
	n := count[killed] + count[survived] + count[wrong]
	fmt.Printf("%d mutants in %.0f s: %d killed, %d survived, %d entries wrong\n", n,
		time.Since(begin).Seconds(), count[killed], count[survived], count[wrong])
	if n == 0 {
		return false, fmt.Errorf("no mutant is asked for")
	}
	return n == count[killed], nil
}

// A result is the outcome of one entry.
type result struct {
	verdict verdict
	why     string
	took    time.Duration
}

// plantAll plants the entries, jobs at once, and calls report for each in their order.
func plantAll(p *planter, es []*entry, jobs int, report func(*entry, result)) {
	results := make([]chan result, len(es))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	var next atomic.Int64
	for range max(jobs, 1) {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(es) {
					return
				}
				begin := time.Now()
				v, why := p.plant(es[i])
				results[i] <- result{v, why, time.Since(begin)}
			}
		}()
	}
	for i, e := range es {
		report(e, <-results[i])
	}
}

// moduleRoot returns the folder of the module's go.mod file.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return "", fmt.Errorf("not inside a module")
	}
	return filepath.Dir(mod), nil
}

// indent indents text below the line of its mutant, and shortens it to 30 lines.
func indent(text string) string {
	const most = 30
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("... and %d lines", len(lines)-most))
	}
	return "    " + strings.Join(lines, "\n    ") + "\n"
}
