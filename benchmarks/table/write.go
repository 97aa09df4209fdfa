package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A document's table stands between these lines.
const (
	tableBegin = "<!-- table -->\n"
	tableEnd   = "<!-- /table -->\n"
)

// readmeLines are the lines of README's table, by heddle's row and the measure.
var readmeLines = []struct{ title, row, measure string }{
	{"an HTTP service, 200 us of work a request, 16 clients", "BenchmarkService/impl=heddle/workers=2/load=closed/against=each+semaphore+pool", ""},
	{"the same at half load, p99", "BenchmarkService/impl=heddle/workers=2/load=50/against=each+semaphore+pool", "p99"},
	{"the same at 150% of its capacity, an answer in time", "BenchmarkService/impl=heddle/workers=2/load=150/against=each+semaphore+pool", ""},
	{"parse, compress and encode files", "BenchmarkFiles/impl=heddle/workers=2/body=file/against=index", ""},
	{"a pipeline of four stages", "BenchmarkPipeline/impl=heddle/workers=2/against=stages", ""},
	{"200,000 actors in a tree", "BenchmarkActorTree/impl=heddle/workers=2/program=actors/against=channels", ""},
	{"ten tasks from outside, submitted and waited for", "BenchmarkSmallBatch/impl=heddle/workers=2/how=waitgroup/every=1ms/against=goroutines+pool", ""},
	{"two locks a transfer, 10 accounts", "BenchmarkBanking/impl=heddle/workers=2/accounts=10/against=mutex", ""},
	{"start one, from a running one", "BenchmarkSpawn/impl=heddle/workers=2/outstanding=10000", ""},
	{"start one, from outside", "BenchmarkSubmit/impl=heddle/workers=2/outstanding=10000", ""},
	{"give way, 100 taking turns", "BenchmarkYield/impl=heddle/workers=2/tasks=100", ""},
	{"wake each other, a round trip", "BenchmarkPingPong/impl=heddle/workers=2", ""},
	{"memory, started and waiting", "BenchmarkMemory/impl=heddle/workers=1/state=parked", "memory"},
	{"memory, not started", "BenchmarkMemory/impl=heddle/workers=1/state=queued", "memory"},
	{"wait beside four hogs, p99, quantum 1 ms", "BenchmarkHog/impl=heddle/workers=2/from=hog/quantum=1ms", "p99"},
	{"the same, default quantum", "BenchmarkHog/impl=heddle/workers=2/from=hog/quantum=default", "p99"},
	{"wake an idle pool, p50", "BenchmarkWakeIdle/impl=heddle/workers=2", "p50"},
	{"fork and join, fib(27)", "BenchmarkFib/impl=heddle/workers=2/n=27", ""},
}

// readmeTable makes README's table from the lines that have been measured.
func readmeTable(lines []line) string {
	var b strings.Builder
	fmt.Fprint(&b, "| | goroutines | which | heddle | ratio |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range readmeLines {
		for _, l := range lines {
			if l.full != r.row || l.measure != r.measure {
				continue
			}
			ratio := ""
			if len(l.ratios) > 0 {
				ratio = number(median(l.ratios))
			}
			if l.lost() {
				ratio = "**" + ratio + "**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.title, quantity(l.base, l.unit), l.which, quantity(l.mine, l.unit), ratio)
		}
	}
	return b.String()
}

// writeTables replaces the tables of the documents. If a document has no place for its table,
// writeTables changes none.
func writeTables(root, benchmarks, readme string) error {
	files := []struct{ name, text string }{{"BENCHMARKS.md", benchmarks}, {"README.md", readme}}
	for i, f := range files {
		old, err := os.ReadFile(filepath.Join(root, f.name))
		if err != nil {
			return err
		}
		files[i].text, err = replaceTable(string(old), f.text)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(root, f.name), []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replaceTable replaces the table between the two lines of a document.
func replaceTable(document, table string) (string, error) {
	before, rest, ok := strings.Cut(document, tableBegin)
	_, after, found := strings.Cut(rest, tableEnd)
	if !ok || !found {
		return "", fmt.Errorf("want a line %q and after it a line %q", strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	if strings.Contains(before+after, tableBegin) || strings.Contains(before+after, tableEnd) {
		return "", errors.New("want one place for a table, not several")
	}
	return before + tableBegin + "\n" + strings.TrimSpace(table) + "\n\n" + tableEnd + after, nil
}
