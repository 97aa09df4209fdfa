package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A bar shows on a terminal how far a side is, in one line that it overwrites. If the output is not
// a terminal, it shows nothing.
type bar struct {
	out   io.Writer // nil if not a terminal
	label string
	next  time.Time
}

func newBar(out io.Writer, label string) *bar {
	if !isTerminal(out) {
		out = nil
	}
	return &bar{out: out, label: label}
}

// show shows that done of total rows are done. Only one goroutine or task may call it at a time.
func (b *bar) show(done, total int) {
	if b.out == nil || time.Now().Before(b.next) {
		return
	}
	b.next = time.Now().Add(50 * time.Millisecond)
	const width = 40
	full := width * done / max(total, 1)
	fmt.Fprintf(b.out, "\r%-11s [%s%s] %3d %%", b.label, strings.Repeat("#", full), strings.Repeat(".", width-full), 100*done/max(total, 1))
}

// end clears the line.
func (b *bar) end() {
	if b.out != nil {
		fmt.Fprintf(b.out, "\r%-70s\r", "")
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
