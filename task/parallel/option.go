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

// WithGrain fixes the grain to n elements. After each grain, a worker checks whether the task is
// cancelled, whether it must give way, and whether other workers want work. A range of at most n
// elements is not split. WithGrain panics if n is less than 1.
//
// By default the grain is found at run time. It starts at 1 and follows the time that the elements
// take, towards about 20 microseconds, or up to a millisecond if the calls take long and not the
// elements: see [ForRange]. Fix it where that is wrong: to 1 for few and very uneven elements, to a
// larger number if each call takes half a millisecond or more whatever its length, or to the length
// of the loop if the loop is so short that it should stay on one worker.
func WithGrain(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("parallel: WithGrain(%d): want 1 or more", n))
	}
	return Option{func(o *options) { o.grain = n }}
}

// WithProgress makes the algorithm call show with the number of elements that are done: at most
// once in each interval of length every, and once more with done == total if the algorithm runs to
// the end. An algorithm that passes over the elements more than once counts each pass.
//
// Calls of show do not overlap. The task that notices that a call is due makes the call and is
// delayed by it, so show should be quick. A panic of show is treated like a panic of the function
// that the algorithm was given. WithProgress panics if show is nil or every is negative.
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
