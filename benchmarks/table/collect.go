package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// A runner runs one row once. round decides which side begins in rows that run several.
type runner func(ctx context.Context, r row, benchtime string, round int) (metrics, error)

// collect runs all groups in each round, until ctx ends. The error says how many runs have failed and names the first row.
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
				s := all[(i+round)%len(all)] // which row begins changes from round to round
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

// A progress tells on standard error which row runs, and how long the rest will take.
type progress struct {
	w       io.Writer
	now     func() time.Time
	runs    map[string]*runs // by row
	of, i   int              // runs in all, and the number of the present one
	started time.Time        // the present one
}

// runs are those of one row. took is the time of the last one.
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

// left estimates the time that the rest takes. A row takes as long as the last time, or as long as the others did on average.
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
