package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// A runner runs one row once. In a row that runs several sides, round decides which side begins.
type runner func(ctx context.Context, r row, benchtime string, round int) (metrics, error)

// collect runs all groups in each round, until ctx ends. Its error says how many runs failed, and
// names the first row that failed.
func collect(ctx context.Context, gs []*group, set settings, run runner, p *progress) error {
	for _, g := range gs {
		for _, s := range g.all() {
			s.rounds = make([]metrics, set.rounds)
			p.add(s.full, set.rounds)
		}
	}
	defer p.end()
	var first error
	failed := 0
	for round := range set.rounds {
		for _, g := range gs {
			all := g.all()
			for i := range all {
				s := all[(i+round)%len(all)] // another row begins in each round
				p.begin(s.full, round, set.rounds)
				m, err := run(ctx, s.row, s.benchtime(set), round)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				p.done(s.full)
				if err != nil {
					p.say("%s: %v", s.full, err)
					failed++
					if first == nil {
						first = fmt.Errorf("%s: %w", s.full, err)
					}
					continue
				}
				s.rounds[round] = m
			}
		}
	}
	if failed > 1 {
		return fmt.Errorf("%d runs have failed, the first of them: %w", failed, first)
	}
	return first
}

// A progress prints to standard error which row runs, and how much time is left.
type progress struct {
	w       io.Writer
	now     func() time.Time
	runs    map[string]*runs // by row
	of, i   int              // number of runs in all, and of the present run
	started time.Time        // start of the present run
}

// runs holds a row's runs. took is the time of the last one.
type runs struct {
	left int
	took time.Duration
	ran  bool
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, now: time.Now, runs: map[string]*runs{}}
}

func (p *progress) add(name string, n int) {
	if p.runs[name] == nil {
		p.runs[name] = &runs{}
	}
	p.runs[name].left += n
	p.of += n
}

func (p *progress) begin(name string, round, rounds int) {
	p.i++
	p.started = p.now()
	left := "time left unknown"
	if d, ok := p.left(); ok {
		left = "some " + d.Round(time.Second).String() + " left"
	}
	fmt.Fprintf(p.w, "row %d of %d, round %d of %d, %s: %s\n", p.i, p.of, round+1, rounds, left, name)
}

func (p *progress) done(name string) {
	r := p.runs[name]
	r.left--
	r.took, r.ran = p.now().Sub(p.started), true
}

// left estimates the time that is left. It assumes that a row takes as long as it took last time,
// or else as long as the other rows took on average.
func (p *progress) left() (time.Duration, bool) {
	var sum, known time.Duration
	unknown, n := 0, 0
	for _, r := range p.runs {
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

func (p *progress) say(format string, a ...any) { fmt.Fprintf(p.w, format+"\n", a...) }

func (p *progress) end() { fmt.Fprintf(p.w, "%d of %d rows have run\n", min(p.i, p.of), p.of) }
