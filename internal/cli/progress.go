package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const (
	inPlace = 100 * time.Millisecond // between two updates of a line on a terminal
	inLines = 3 * time.Second        // between two lines elsewhere
	columns = 79                     // of a line on a terminal; a longer one would wrap, and stay
)

// A Progress shows how far a command has got. On a terminal it keeps one line, which it overwrites
// ten times a second and clears at the end. If the output is a file or a pipe, it writes a plain
// line every three seconds. Then Stop writes the last state, if the Progress is a Counter or has
// written a line before. A Progress writes nothing while the text stays the same.
type Progress struct {
	out      io.Writer
	terminal bool
	text     func() string
	total    bool // Stop writes the last state in any case
	quit     chan struct{}
	shower   sync.WaitGroup

	mu   sync.Mutex
	last string // what stands in the line on the terminal, or in the last line elsewhere
}

// Start begins to show the text on out, until Stop. A goroutine of the Progress calls text.
func Start(out io.Writer, text func() string) *Progress {
	return start(out, isTerminal(out), false, text)
}

func start(out io.Writer, terminal, total bool, text func() string) *Progress {
	p := &Progress{out: out, terminal: terminal, total: total, text: text, quit: make(chan struct{})}
	p.shower.Go(p.show)
	return p
}

func (p *Progress) show() {
	every := inLines
	if p.terminal {
		every = inPlace
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			p.print()
		}
	}
}

func (p *Progress) print() {
	text := p.text()
	p.mu.Lock()
	defer p.mu.Unlock()
	if runes := []rune(text); p.terminal && len(runes) > columns {
		text = string(runes[:columns])
	}
	switch {
	case text == p.last:
	case p.terminal:
		rest := utf8.RuneCountInString(p.last) - utf8.RuneCountInString(text)
		fmt.Fprintf(p.out, "\r%s%s", text, strings.Repeat(" ", max(0, rest)))
	default:
		fmt.Fprintln(p.out, text)
	}
	p.last = text
}

// wipe clears the line on the terminal. The caller holds mu.
func (p *Progress) wipe() {
	if p.terminal && p.last != "" {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", utf8.RuneCountInString(p.last)))
		p.last = ""
	}
}

// Printf writes a line that stays.
func (p *Progress) Printf(format string, a ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprintf(p.out, format+"\n", a...)
}

// Stop ends the display. It is called once. When it returns, text is not called any more.
func (p *Progress) Stop() {
	close(p.quit)
	p.shower.Wait()
	if !p.terminal {
		if p.total || p.last != "" {
			p.print()
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// A Counter is a Progress over a number of units.
type Counter struct {
	*Progress
	done atomic.Int64
	each func(done int64)
}

// Count starts a Counter. Its text has the label, the number of units that are done, and the total;
// total is 0 if it is not known. units is the name of the units, such as "files".
func Count(out io.Writer, label string, total int, units string) *Counter {
	c := &Counter{}
	c.Progress = start(out, isTerminal(out), true, func() string {
		if total == 0 {
			return fmt.Sprintf("%s: %d %s", label, c.Done(), units)
		}
		return fmt.Sprintf("%s: %d of %d %s", label, c.Done(), total, units)
	})
	return c
}

// OnEach has Add call each with the number of units that are done. It is called before the first
// Add.
func (c *Counter) OnEach(each func(done int64)) { c.each = each }

// Add counts a unit. Tasks and goroutines may call it at once.
func (c *Counter) Add() {
	if n := c.done.Add(1); c.each != nil {
		c.each(n)
	}
}

// Set says how many units are done.
func (c *Counter) Set(done int) { c.done.Store(int64(done)) }

// Done returns how many units are done.
func (c *Counter) Done() int64 { return c.done.Load() }
