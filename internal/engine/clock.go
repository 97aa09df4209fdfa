package engine

import (
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A clock is a scheduler's clock. Workers read it all the time.
type clock struct {
	start time.Time // when the scheduler was made
	// coarse is the time of sysmon's last tick, in milliseconds of now. A task's wait is dated with
	// it, because reading a clock at each park would cost as much as the park. sysmon writes it. A
	// worker that wakes, or a call of Resize, writes it, too, if it finds sysmon asleep. If two of
	// them write it at the same time, it may fall by some milliseconds.
	coarse atomicx.RelaxedUint32
}

// now is the time: monotonic nanoseconds since the scheduler was made, never 0.
func (c *clock) now() int64 { return int64(time.Since(c.start)) + 1 }

// setCoarse sets coarse to the time now.
func (c *clock) setCoarse(now int64) { c.coarse.Store(uint32(now / int64(time.Millisecond))) }
