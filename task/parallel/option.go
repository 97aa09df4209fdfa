package parallel

import (
	"fmt"
	"time"
)

// Option is an option of an algorithm. None is needed.
type Option struct {
	apply func(o *options)
}

type options struct {
	grain int
	every time.Duration
	show  func(done, total int)
}

// WithGrain fixes how many elements are handled between two looks at who is hungry, whether the task has to give way and
// whether it is cancelled; ranges of that size or less are not split. n is at least 1.
//
// By default the grain is found while running: it starts at 1 and follows the time that the elements take, towards
// about 20 microseconds. Fix it where that is wrong: 1 for few and very uneven elements, or the length where a loop is
// so short that it should stay on one worker.
func WithGrain(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("parallel: WithGrain(%d): want 1 or more", n))
	}
	return Option{func(o *options) { o.grain = n }}
}

// WithProgress has show called with how many of the elements are done, at most once in each interval of every, and once
// more with done == total if the algorithm runs to the end. Algorithms that pass over the elements more than once count
// each pass. show is called by whatever task notices that it is due, one call at a time, and delays that: it should be
// quick. A panic of show is treated as one of the function that the algorithm was given.
func WithProgress(every time.Duration, show func(done, total int)) Option {
	if show == nil {
		panic("parallel: WithProgress with a nil function: leave the option out for none")
	}
	if every < 0 {
		panic(fmt.Sprintf("parallel: WithProgress(%v): want 0 or more", every))
	}
	return Option{func(o *options) { o.every, o.show = every, show }}
}

func optionsOf(opts []Option) (o options) {
	for _, x := range opts {
		if x.apply != nil {
			x.apply(&o)
		}
	}
	return o
}
