package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

// A screen shows lines, and below them one line of progress that stays in place on a terminal.
// Elsewhere the progress is a plain line every two seconds. Its methods may be called by several
// goroutines at the same time.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	shown    int // length of the progress line on the terminal
	next     time.Time
}

const plainEvery = 2 * time.Second

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return s
}

// line writes a line above the progress.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	fmt.Fprintf(s.out, format+"\n", args...)
}

func (s *screen) progress(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal {
		s.wipe()
		fmt.Fprint(s.out, text)
		s.shown = utf8.RuneCountInString(text)
	} else if now := time.Now(); now.After(s.next) {
		s.next = now.Add(plainEvery)
		fmt.Fprintln(s.out, text)
	}
}

func (s *screen) wipe() {
	if s.shown > 0 {
		fmt.Fprintf(s.out, "\r%*s\r", s.shown, "")
		s.shown = 0
	}
}
