package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/heddle-go/heddle/benchmarks/results"
	"github.com/heddle-go/heddle/internal/cli"
)

// A runner runs one row once. In a row that runs several sides, round decides which side begins.
type runner func(ctx context.Context, r results.Row, benchtime string, round int) (results.Metrics, error)

// collect runs all groups in each round, until ctx ends. Its error says how many runs failed, and
// names the first row that failed. Progress goes to stderr.
func collect(ctx context.Context, gs []*results.Group, set settings, run runner, e *estimate, stderr io.Writer) error {
	for _, g := range gs {
		for _, s := range g.All() {
			s.Rounds = make([]results.Metrics, set.rounds)
			e.add(s.Full, set.rounds)
		}
	}
	bar := cli.Start(stderr, e.String)
	defer func() {
		bar.Stop()
		fmt.Fprintln(stderr, e.ran())
	}()
	var first error
	failed := 0
	for round := range set.rounds {
		for _, g := range gs {
			all := g.All()
			for i := range all {
				s := all[(i+round)%len(all)] // which row begins changes from round to round
				e.begin(s.Full, round, set.rounds)
				m, err := run(ctx, s.Row, benchtimeOf(s.Row, set), round)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				e.done(s.Full)
				if err != nil {
					bar.Printf("%s: %v", s.Full, err)
					failed++
					if first == nil {
						first = fmt.Errorf("%s: %w", s.Full, err)
					}
					continue
				}
				s.Rounds[round] = m
			}
		}
	}
	if failed > 1 {
		return fmt.Errorf("%d runs have failed, the first of them: %w", failed, first)
	}
	return first
}

// An estimate knows which row runs, and about how much time is left. Several goroutines may call
// its methods.
type estimate struct {
	now func() time.Time

	mu      sync.Mutex
	runs    map[string]*runs // by row
	of, i   int              // runs in all, and the number of the present one
	started time.Time        // the present one
	text    string
}

// runs holds a row's runs. took is the time of the last one.
type runs struct {
	left int
	took time.Duration
	ran  bool
}

func newEstimate(now func() time.Time) *estimate {
	return &estimate{now: now, runs: map[string]*runs{}}
}

// add announces n runs of a row.
func (e *estimate) add(name string, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runs[name] == nil {
		e.runs[name] = &runs{}
	}
	e.runs[name].left += n
	e.of += n
}

func (e *estimate) begin(name string, round, rounds int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.i++
	e.started = e.now()
	left := "time left unknown"
	if d, ok := e.left(); ok {
		left = "some " + d.Round(time.Second).String() + " left"
	}
	e.text = fmt.Sprintf("row %d of %d, round %d of %d, %s: %s", e.i, e.of, round+1, rounds, left, name)
}

func (e *estimate) done(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[name]
	r.left--
	r.took, r.ran = e.now().Sub(e.started), true
}

// left estimates the time that is left. It assumes that a row takes as long as it took last time,
// or else as long as the other rows took on average. The caller holds mu.
func (e *estimate) left() (time.Duration, bool) {
	var sum, known time.Duration
	unknown, n := 0, 0
	for _, r := range e.runs {
		if !r.ran {
			unknown += r.left
			continue
		}
		n++
		known += r.took
		sum += time.Duration(r.left) * r.took
	}
	if n == 0 {
		return 0, false
	}
	return sum + time.Duration(unknown)*known/time.Duration(n), true
}

// ran says how many runs there were.
func (e *estimate) ran() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	ran := e.of
	for _, r := range e.runs {
		ran -= r.left
	}
	return fmt.Sprintf("%d of %d rows have run", ran, e.of)
}

// String is the line of the display.
func (e *estimate) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text
}
