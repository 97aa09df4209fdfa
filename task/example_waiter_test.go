package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A Mailbox is an unbounded queue of letters: Put never waits. Tasks and goroutines may use it
// together.
type Mailbox struct {
	mu      sync.Mutex // held only for a moment, so a mutex of package sync is fine
	letters []string
	takers  []*taker // first come, first served; may contain takers that have given up
}

// A taker is one wait in Take.
type taker struct {
	w      task.Waiter
	letter string // set by the Put that has claimed w
}

func (m *Mailbox) Put(letter string) {
	m.mu.Lock()
	for len(m.takers) > 0 {
		t := m.takers[0]
		m.takers = m.takers[1:]
		if !t.w.Claim() {
			continue // the taker has given up
		}
		t.letter = letter
		m.mu.Unlock()
		t.w.Wake(nil)
		return
	}
	m.letters = append(m.letters, letter)
	m.mu.Unlock()
}

// Take waits for a letter, parking the task or blocking the goroutine. If ctx ends first, Take
// returns the cause and has taken no letter.
func (m *Mailbox) Take(ctx context.Context) (string, error) {
	t := new(taker)
	t.w.Init(ctx)
	m.mu.Lock()
	if len(m.letters) > 0 {
		letter := m.letters[0]
		m.letters = m.letters[1:]
		m.mu.Unlock()
		return letter, nil
	}
	m.takers = append(m.takers, t)
	m.mu.Unlock()
	if err := t.w.Wait(); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.takers = slices.DeleteFunc(m.takers, func(x *taker) bool { return x == t })
		return "", err
	}
	return t.letter, nil
}

// A user's own primitive: a mailbox in which tasks wait by parking.
func ExampleWaiter() {
	sched, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer sched.Close()

	var box Mailbox
	reader := sched.Go(func(c *task.Ctx) {
		for range 3 {
			letter, err := box.Take(c) // parks: the worker runs other tasks
			fmt.Println(letter, err)
		}
	})
	for _, letter := range []string{"one", "two", "three"} {
		box.Put(letter)
	}
	_ = reader.Wait()

	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("no more letters"))
	_, err = box.Take(ctx)
	fmt.Println(err)
	// Output:
	// one <nil>
	// two <nil>
	// three <nil>
	// no more letters
}
