package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/heddle-go/heddle/benchmarks/results"
)

// A place is where a table stands in a document: between the lines <!-- name --> and
// <!-- /name -->.
type place string

const (
	tablePlace place = "table"
	peersPlace place = "peers"
)

func (p place) begin() string { return "<!-- " + string(p) + " -->\n" }
func (p place) end() string   { return "<!-- /" + string(p) + " -->\n" }

// readmeLines are the lines of README's table, by heddle's row and the measure.
var readmeLines = []struct{ title, row, measure string }{
	{"an HTTP service, 200 us of work a request, 16 clients", "BenchmarkService/impl=heddle/workers=2/load=closed/against=each+semaphore+pool", ""},
	{"the same at half load, p99", "BenchmarkService/impl=heddle/workers=2/load=50/against=each+semaphore+pool", "p99"},
	{"the same at 150% of its capacity, an answer in time", "BenchmarkService/impl=heddle/workers=2/load=150/against=each+semaphore+pool", ""},
	{"a pipeline of four stages", "BenchmarkPipeline/impl=heddle/workers=2/against=stages", ""},
	{"200,000 actors in a tree", "BenchmarkActorTree/impl=heddle/workers=2/program=actors/against=channels", ""},
	{"ten tasks from outside, submitted and waited for", "BenchmarkSmallBatch/impl=heddle/workers=2/how=waitgroup/every=1ms/against=goroutines+pool", ""},
	{"two locks a transfer, 10 accounts", "BenchmarkBanking/impl=heddle/workers=2/accounts=10/against=mutex", ""},
	{"start one, from a running one", "BenchmarkSpawn/impl=heddle/workers=2/outstanding=10000", ""},
	{"start one, from outside", "BenchmarkSubmit/impl=heddle/workers=2/outstanding=10000", ""},
	{"give way, 100 taking turns", "BenchmarkYield/impl=heddle/workers=2/tasks=100", ""},
	{"memory, started and waiting", "BenchmarkMemory/impl=heddle/workers=1/state=parked", "memory"},
	{"wait beside four hogs, p99", "BenchmarkHog/impl=heddle/workers=2/from=hog/quantum=default", "p99"},
	{"wake an idle pool, p50", "BenchmarkWakeIdle/impl=heddle/workers=2", "p50"},
	{"fork and join, fib(27)", "BenchmarkFib/impl=heddle/workers=2/n=27", ""},
}

// readmeTable makes README's table from the lines that have been measured.
func readmeTable(lines []results.Line) string {
	var b strings.Builder
	fmt.Fprint(&b, "| | goroutines | which | heddle | ratio |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range readmeLines {
		for _, l := range lines {
			if l.Full != r.row || l.Measure != r.measure {
				continue
			}
			ratio, _ := ratioAndSpread(l.Ratios)
			if l.Lost() {
				ratio = "**" + ratio + "**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.title, quantity(l.Base, l.Unit), l.Which, quantity(l.Mine, l.Unit), ratio)
		}
	}
	return b.String()
}

// A table is a text and the place of a document in which it belongs.
type table struct {
	document string
	place    place
	text     string
}

// writeTables replaces tables of the documents in folder root. If a document lacks a place,
// writeTables changes none.
func writeTables(root string, tables ...table) error {
	texts := map[string]string{}
	for _, t := range tables {
		text, ok := texts[t.document]
		if !ok {
			old, err := os.ReadFile(filepath.Join(root, t.document))
			if err != nil {
				return err
			}
			text = string(old)
		}
		text, err := replaceTable(text, t.place, t.text)
		if err != nil {
			return fmt.Errorf("%s: %w", t.document, err)
		}
		texts[t.document] = text
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replaceTable replaces the table in one place of a document.
func replaceTable(document string, p place, text string) (string, error) {
	before, rest, ok := strings.Cut(document, p.begin())
	_, after, found := strings.Cut(rest, p.end())
	if !ok || !found {
		return "", fmt.Errorf("want a line %q and after it a line %q", strings.TrimSpace(p.begin()), strings.TrimSpace(p.end()))
	}
	if strings.Contains(before+after, p.begin()) || strings.Contains(before+after, p.end()) {
		return "", fmt.Errorf("want one place %q for a table, not several", p)
	}
	return before + p.begin() + "\n" + strings.TrimSpace(text) + "\n\n" + p.end() + after, nil
}
