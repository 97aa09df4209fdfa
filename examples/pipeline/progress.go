package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A progress shows how many files have gone through all stages: on a terminal in one line that it
// overwrites, and otherwise in a new line every few seconds.
type progress struct {
	done  atomic.Int64  // number of files so far
	each  func(n int64) // called after each file with the number of files so far; may be nil
	label string
	out   io.Writer
	line  bool // whether out is a terminal
	quit  chan struct{}
	wg    sync.WaitGroup
}

func newProgress(out io.Writer, label string) *progress {
	p := &progress{label: label, out: out, line: isTerminal(out), quit: make(chan struct{})}
	every := 3 * time.Second
	if p.line {
		every = 100 * time.Millisecond
	}
	p.wg.Go(func() { p.show(every) })
	return p
}

// add counts a file.
func (p *progress) add() {
	n := p.done.Add(1)
	if p.each != nil {
		p.each(n)
	}
}

func (p *progress) show(every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-t.C:
			p.print()
		}
	}
}

func (p *progress) print() {
	text := fmt.Sprintf("%s: %d files", p.label, p.done.Load())
	if p.line {
		fmt.Fprintf(p.out, "\r%-70s", text)
	} else {
		fmt.Fprintln(p.out, text)
	}
}

// stop ends the display. On a terminal it clears the line, and otherwise it prints the last state.
func (p *progress) stop() {
	close(p.quit)
	p.wg.Wait()
	if p.line {
		fmt.Fprintf(p.out, "\r%-70s\r", "")
	} else {
		p.print()
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
