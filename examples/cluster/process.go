package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// childEnv makes the test binary run main instead of its tests.
const childEnv = "HEDDLE_CLUSTER_CHILD"

// A process is a child in one of the roles.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser // the child ends when this closes, so it does not outlive the supervisor
	ended chan struct{}  // closed when the child has ended and its output has been read
	err   error          // how it ended; readable when ended is closed
}

// start starts a child. It calls line for each line of the child's output, on one goroutine.
func start(c *config, role string, line func(string)) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, c.child(role)...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childEnv+"=1", urlEnv+"="+c.url)
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	go func() {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			line(sc.Text())
		}
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// signal does nothing if the process has ended.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill kills the process and waits for its end.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// stop sends SIGTERM and waits for the process's end.
func (p *process) stop() error {
	p.signal(syscall.SIGTERM)
	<-p.ended
	return p.err
}
