package main

import (
	"go/scanner"
	"go/token"
	"os"
	"sync"
	"unicode/utf8"

	"github.com/heddle-go/heddle/internal/cli"
)

// A tally holds the counts of some files.
type tally struct {
	files, lines, idents int
	bytes                int64
	names                counter // counts of identifiers
	words                counter // counts of words in comments, in lower case
	problems             []error // errors about files that could not be read
}

// A counter counts strings. It holds pointers, so that counting a known string does not allocate.
type counter map[string]*int

func (c counter) add(s []byte, n int) {
	if p := c[string(s)]; p != nil {
		*p += n
		return
	}
	c[string(s)] = &n
}

func newTally() *tally { return &tally{names: counter{}, words: counter{}} }

// checkEvery is the number of tokens between two checkpoints, about 20 us.
const checkEvery = 256

// add counts one file. It calls checkpoint after every checkEvery tokens. If it cannot read the
// file, it records a problem.
func (t *tally) add(path string, checkpoint func()) {
	src, err := os.ReadFile(path)
	if err != nil {
		t.problems = append(t.problems, cli.Unreadable(path, err))
		return
	}
	t.files++
	t.bytes += int64(len(src))

	var s scanner.Scanner
	file := token.NewFileSet().AddFile(path, -1, len(src))
	// The toolchain's tests contain sources with errors. They are counted as far as the scanner
	// understands them.
	s.Init(file, src, func(token.Position, string) {}, scanner.ScanComments)
	for n := 1; ; n++ {
		if n%checkEvery == 0 {
			checkpoint()
		}
		pos, tok, lit := s.Scan()
		switch tok {
		case token.IDENT:
			t.idents++
			at := file.Offset(pos)
			t.names.add(src[at:at+len(lit)], 1)
		case token.COMMENT:
			t.addWords(lit)
		case token.EOF:
			t.lines += countLines(src)
			return
		}
	}
}

// addWords counts the words of four ASCII letters or more in a comment.
func (t *tally) addWords(comment string) {
	const shortest = 4
	var word []byte
	flush := func() {
		if len(word) >= shortest {
			t.words.add(word, 1)
		}
		word = word[:0]
	}
	for i := range len(comment) {
		b := comment[i]
		switch {
		case 'A' <= b && b <= 'Z':
			word = append(word, b+'a'-'A')
		case 'a' <= b && b <= 'z':
			word = append(word, b)
		case b < utf8.RuneSelf:
			flush()
		}
	}
	flush()
}

func countLines(src []byte) (n int) {
	for _, b := range src {
		if b == '\n' {
			n++
		}
	}
	if len(src) > 0 && src[len(src)-1] != '\n' {
		n++ // the last line does not end in a newline
	}
	return n
}

// A bank lends tallies, each to one task at a time. So there are about as many tallies as workers
// to merge at the end, and not one for each file. The lock is held for a few instructions only. A
// task that had to wait longer should park instead.
type bank struct {
	mu   sync.Mutex
	free []*tally
}

func (b *bank) take() *tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		t := b.free[n-1]
		b.free = b.free[:n-1]
		return t
	}
	return newTally()
}

func (b *bank) put(t *tally) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = append(b.free, t)
}

// total merges the tallies that were given back.
func (b *bank) total() *tally {
	sum := newTally()
	for _, t := range b.free {
		sum.files += t.files
		sum.lines += t.lines
		sum.idents += t.idents
		sum.bytes += t.bytes
		sum.problems = append(sum.problems, t.problems...)
		sum.names.merge(t.names)
		sum.words.merge(t.words)
	}
	return sum
}

func (c counter) merge(from counter) {
	for s, n := range from {
		if p := c[s]; p != nil {
			*p += *n
		} else {
			c[s] = n
		}
	}
}
