package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A verdict is the outcome for a mutant.
type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "SURVIVED"
	wrong    verdict = "WRONG" // the entry is wrong, not the code
)

// These limit the time of one run of a test binary. A verdict depends on them only if the entry
// expects a hang.
const (
	limit     = 6 * time.Minute // a test may report a hang itself after testkit.Patience
	limitHang = 20 * time.Second
	limitGo   = 10 * time.Minute // for the go command, which compiles
)

// A planter runs tests with one file of the module replaced. Several goroutines may use it at once.
type planter struct {
	root string // the module's folder
	dir  string // holds the changed files and the test binaries

	// These limit the time of a test, and of a test that is expected to hang.
	limit, limitHang time.Duration

	mu sync.Mutex
	// binaries has functions that return the test binaries without a bug, by the arguments of go
	// test -c.
	binaries map[string]func() (string, error)
	// sound has functions that return the results of the tests without a bug, by their arguments.
	sound map[string]func() error
}

func newPlanter(root, dir string) *planter {
	return &planter{
		root: root, dir: dir, limit: limit, limitHang: limitHang,
		binaries: map[string]func() (string, error){}, sound: map[string]func() error{},
	}
}

// plant runs the test of e with its bug, and returns the verdict and its reason.
func (p *planter) plant(e *entry) (v verdict, why string) {
	text, err := e.mutated(p.root)
	if err != nil {
		return wrong, err.Error()
	}
	if err := p.isSound(e); err != nil {
		return wrong, err.Error()
	}
	overlay, err := p.overlay(e, text)
	if err != nil {
		return wrong, err.Error()
	}
	build, args := e.split()
	binary, err := p.build(e.name, append([]string{"-overlay", overlay}, build...))
	if err != nil {
		return wrong, fmt.Sprintf("the mutant does not compile: %v", err)
	}
	defer os.Remove(binary)
	limit := p.limit
	if e.hang {
		limit = p.limitHang
	}
	out, err := p.run(e, binary, limit, args)
	switch {
	case err == nil:
		return survived, out
	case !errors.As(err, new(*exec.ExitError)):
		return wrong, fmt.Sprintf("%v\n%s", err, out)
	case strings.Contains(out, "panic: test timed out after") && !e.hang:
		return survived, "the test hangs, and the entry has no line \"kills: hang\":\n" + out
	}
	return killed, out
}

// isSound returns an error unless the test of e runs and passes without the bug. Each test runs
// once, and tests that need the same binary share it.
func (p *planter) isSound(e *entry) error {
	build, args := e.split()
	p.mu.Lock()
	key := strings.Join(build, " ")
	binary := p.binaries[key]
	if binary == nil {
		name := fmt.Sprintf("sound%d", len(p.binaries))
		binary = sync.OnceValues(func() (string, error) { return p.build(name, build) })
		p.binaries[key] = binary
	}
	key = strings.Join(e.test, " ")
	sound := p.sound[key]
	if sound == nil {
		sound = sync.OnceValue(func() error {
			binary, err := binary()
			if err != nil {
				return err
			}
			return p.passes(e, binary, args)
		})
		p.sound[key] = sound
	}
	p.mu.Unlock()
	return sound()
}

// passes returns an error unless the test of e runs and passes.
func (p *planter) passes(e *entry, binary string, args []string) error {
	out, err := p.run(e, binary, p.limit, args)
	switch {
	case err != nil:
		return fmt.Errorf("without the bug, the test fails: %w\n%s", err, out)
	case strings.Contains(out, "testing: warning: no tests to run"):
		return fmt.Errorf("there is no such test:\n%s", out)
	}
	return nil
}

// overlay writes the changed file, and the file that makes the go command compile it in place of
// e's file.
func (p *planter) overlay(e *entry, text string) (file string, err error) {
	changed := filepath.Join(p.dir, e.name+".go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	replace := map[string]string{filepath.Join(p.root, filepath.FromSlash(e.file)): changed}
	spare, err := e.spare(p.root)
	if err != nil {
		return "", err
	}
	for _, file := range spare {
		replace[file] = "" // as if the file did not exist
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	file = filepath.Join(p.dir, e.name+".json")
	return file, os.WriteFile(file, b, 0o600)
}

// build compiles a test binary in the same way as go test.
func (p *planter) build(name string, args []string) (binary string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limitGo)
	defer cancel()
	binary = filepath.Join(p.dir, name+".test")
	// Compiling takes most of the time. Without optimization and debugging information of the
	// module's packages it takes a third less.
	args = append([]string{"test", "-c", "-o", binary, "-vet", "off", "-ldflags", "-s -w",
		"-gcflags", "./...=-N -l -dwarf=false"}, args...)
	out, err := p.output(ctx, p.root, "go", args)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("there is no such test: %s", out) // the package has no test files
	}
	return binary, nil
}

// run runs a test binary in the folder of e's package, and returns its output.
func (p *planter) run(e *entry, binary string, limit time.Duration, args []string) (string, error) {
	// The binary ends itself at its limit. The longer limit is for a binary that cannot.
	ctx, cancel := context.WithTimeout(context.Background(), limit+time.Minute)
	defer cancel()
	args = append([]string{"-test.paniconexit0", "-test.count=1", "-test.timeout=" + limit.String()}, args...)
	return p.output(ctx, filepath.Join(p.root, filepath.FromSlash(e.pkg())), binary, args)
}

func (p *planter) output(ctx context.Context, dir, name string, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	return b.String(), err
}
