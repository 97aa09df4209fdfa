package soak

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
)

// A kind is a kind of operation.
type kind struct {
	name   string
	weight int  // how often a party draws it, relative to the others
	tasks  bool // only tasks can do it
	many   bool // do counts its operations by add; otherwise one call is one operation
	do     func(p *party)
}

// kinds lists all kinds. One draw does hundreds of the cheap ones, so these make up nearly all of
// the count. Each of the others still happens some hundred times in a million.
var kinds []kind

// lots is the sum of the weights.
var lots int

func init() { // an init function, because the functions refer to kinds
	const both, inTasks, one, many = false, true, false, true
	kinds = []kind{
		{"fork and join", 24, inTasks, many, (*party).forks},
		{"yield", 12, inTasks, many, (*party).yields},
		{"send or receive, in a stream", 12, inTasks, many, (*party).stream},
		{"task started and seen to its end", 8, inTasks, many, (*party).spawns},
		{"lock", 6, inTasks, many, (*party).locks},
		{"park, woken by another task", 6, inTasks, many, (*party).pingPong},

		{"send", 2, both, one, (*party).send},
		{"receive", 2, both, one, (*party).receive},
		{"select", 1, both, one, (*party).choose},
		{"lock for a while", 1, both, one, (*party).lock},
		{"read lock", 1, both, one, (*party).readLock},
		{"write lock", 1, both, one, (*party).writeLock},
		{"semaphore", 1, both, one, (*party).permits},
		{"signal", 1, both, one, (*party).signal},
		{"wait for a signal", 1, both, one, (*party).waitSignal},
		{"event", 1, both, one, (*party).event},
		{"barrier", 1, both, one, (*party).meet},
		{"wait group", 1, both, one, (*party).waitGroup},
		{"future", 1, both, one, (*party).future},
		{"first of futures", 1, both, one, (*party).first},
		{"completion", 1, both, one, (*party).complete},
		{"native channel", 1, both, one, (*party).native},
		{"join", 1, both, one, (*party).join},
		{"park and a Ready from afar", 1, inTasks, one, (*party).park},

		{"sleep", 1, both, one, (*party).sleep},
		{"AfterFunc of tsync", 1, both, one, (*party).after},
		{"timer", 1, both, one, (*party).timer},
		{"ticker", 1, both, one, (*party).ticker},
		{"GoAfter", 1, both, one, (*party).later},
		{"GoEvery, with panics", 1, both, one, (*party).periodic},
		{"deadline", 1, both, one, (*party).deadline},
		{"end of a parent context", 1, both, one, (*party).under},

		{"group", 1, both, one, (*party).group},
		{"forks in nested groups with limits", 2, inTasks, one, (*party).nested},
		{"loop over an index range or a slice", 1, inTasks, one, (*party).loop},
		{"sort", 1, inTasks, one, (*party).sort},
		{"Pull", 1, inTasks, one, (*party).pull},

		{"Blocking", 1, inTasks, one, (*party).block},
		{"Blocking left by a cancelled task", 1, both, one, (*party).abandon},
		{"Blocking in a group that fails", 1, both, one, (*party).blockingMembers},

		{"cancellation in the middle of three operations", 1, both, one, (*party).cancel},
		{"function called at the end of a task", 1, both, one, (*party).afterEnd},
		{"context used after the end of its task", 1, both, one, (*party).escape},
		{"submission under a context that panics", 1, both, one, (*party).submitBroken},
		{"wait under a context that panics", 1, both, one, (*party).waitBroken},

		{"panic that reaches the handler", 1, both, one, (*party).fail},
		{"panic that a waiter gets", 2, inTasks, one, (*party).recovers},
		{"wait in a function deferred by a panic", 1, both, one, (*party).waitsInDefer},
		{"Goexit", 2, both, one, (*party).exits},
		{"misuse, recovered", 1, inTasks, one, (*party).misuse},
	}
	for _, k := range kinds {
		lots += k.weight
	}
	counted = make([]atomic.Int64, len(kinds))
}

// A tally holds a number of operations for each kind.
type tally []int64

// counted is the sum of the counts of parties that have ended, and done the sum of that over all
// kinds.
var (
	counted []atomic.Int64
	done    atomic.Int64
)

// add counts n operations of the party's present kind.
func (p *party) add(n int) { p.tally[p.kind] += int64(n) }

// flush adds the party's counts to the sum.
func (p *party) flush() {
	sum := int64(0)
	for k, n := range p.tally {
		if n != 0 {
			counted[k].Add(n)
			sum += n
		}
	}
	clear(p.tally)
	done.Add(sum)
}

// draw does one random operation, or many if it is a cheap one.
func (p *party) draw() {
	for {
		lot := p.rng.IntN(lots)
		k := 0
		for lot >= kinds[k].weight {
			lot -= kinds[k].weight
			k++
		}
		if kinds[k].tasks && p.c == nil {
			continue
		}
		p.kind = k
		kinds[k].do(p)
		if !kinds[k].many {
			p.add(1)
		}
		return
	}
}

// table lists the number of operations of each kind.
func table() string {
	var b strings.Builder
	for k := range kinds {
		fmt.Fprintf(&b, "%14d  %s\n", counted[k].Load(), kinds[k].name)
	}
	fmt.Fprintf(&b, "%14d  in all\n", done.Load())
	return b.String()
}

// peakMemory returns the largest amount of memory that the process had, if the system reports it.
func peakMemory() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if at, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(at)
		}
	}
	return "unknown"
}
