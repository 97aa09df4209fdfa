package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A verdict says what became of a mutant.
type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "SURVIVED"
	wrong    verdict = "WRONG" // the entry, not the code
)

// Time limits of one run of a test binary, in which compiling does not count. No verdict depends
// on them, but for those entries that expect a hang.
const (
	limit     = 3 * time.Minute
	limitHang = 20 * time.Second
	limitGo   = 10 * time.Minute // for the go command around it, compiling included
)

// A planter runs tests with one file of the module replaced.
type planter struct {
	root  string           // the module's folder
	dir   string           // for the changed files
	sound map[string]error // what the tests said without a bug, by their arguments

	limit, limitHang time.Duration // of a test, and of one that is expected to hang
}

// plant runs the test of e with its bug, and says what it found.
func (p *planter) plant(e *entry) (v verdict, why string) {
	text, err := e.mutated(p.root)
	if err != nil {
		return wrong, err.Error()
	}
	key := strings.Join(e.test, " ")
	if _, known := p.sound[key]; !known {
		p.sound[key] = p.passes(e)
	}
	if err := p.sound[key]; err != nil {
		return wrong, err.Error()
	}
	overlay, err := p.overlay(e, text)
	if err != nil {
		return wrong, err.Error()
	}
	limit := p.limit
	if e.hang {
		limit = p.limitHang
	}
	out, err := p.goTest(limit, append([]string{"-overlay", overlay}, e.test...))
	switch {
	case err == nil:
		return survived, out
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return wrong, "the mutant does not compile:\n" + out
	case !strings.Contains(out, "FAIL"):
		return wrong, fmt.Sprintf("go test: %v\n%s", err, out)
	case strings.Contains(out, "panic: test timed out after") && !e.hang:
		return survived, "the test hangs, and the entry has no line \"kills: hang\":\n" + out
	}
	return killed, out
}

// passes returns an error unless the test of e runs and passes without the bug.
func (p *planter) passes(e *entry) error {
	out, err := p.goTest(p.limit, e.test)
	switch {
	case err != nil:
		return fmt.Errorf("without the bug, the test fails: %w\n%s", err, out)
	case strings.Contains(out, "[no tests to run]") || strings.Contains(out, "[no test files]"):
		return fmt.Errorf("there is no such test:\n%s", out)
	}
	return nil
}

// overlay writes the changed file and what tells the go command to compile it instead of e's.
func (p *planter) overlay(e *entry, text string) (file string, err error) {
	changed := filepath.Join(p.dir, e.name+".go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	real := filepath.Join(p.root, filepath.FromSlash(e.file))
	b, err := json.Marshal(map[string]map[string]string{"Replace": {real: changed}})
	if err != nil {
		return "", err
	}
	file = filepath.Join(p.dir, e.name+".json")
	return file, os.WriteFile(file, b, 0o600)
}

// goTest runs go test and returns what it wrote.
func (p *planter) goTest(limit time.Duration, args []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limitGo)
	defer cancel()
	args = append([]string{"test", "-count", "1", "-vet", "off", "-timeout", limit.String()}, args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.root
	cmd.WaitDelay = time.Second
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	return b.String(), err
}
