package schedtest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// wrongResults are programs that compute something wrong under some schedules.
var wrongResults = []planted{
	{"lost update", assertionFailed, func(c *task.Ctx, broken bool) {
		n := 0
		var mu tsync.Mutex
		both(func() {
			mu.Lock()
			v := n
			if broken {
				mu.Unlock()
				mu.Lock()
			}
			n = v + 1
			mu.Unlock()
		})
		require.Equal(TOf(c), 2, n)
	}},

	{"double checked locking", assertionFailed, func(c *task.Ctx, broken bool) {
		var made, value atomic.Int64
		var mu tsync.Mutex
		both(func() {
			if made.Load() == 0 {
				mu.Lock()
				if made.Load() == 0 {
					if broken {
						made.Store(1)
						checkpoint()
					}
					value.Store(42)
					checkpoint()
					made.Store(1)
				}
				mu.Unlock()
			}
			require.EqualValues(TOf(c), 42, value.Load())
		})
	}},

	{"ABA in a free list", assertionFailed, func(c *task.Ctx, broken bool) {
		// The head is a node's number, and above it a version that only the mended list counts.
		const none = 3
		var next [none]uint64
		var head atomic.Uint64
		version := func(h uint64) uint64 {
			if broken {
				return 0
			}
			return h&^0xff + 0x100
		}
		push := func(n uint64) {
			for {
				h := head.Load()
				next[n] = h & 0xff
				checkpoint()
				if head.CompareAndSwap(h, version(h)|n) {
					return
				}
			}
		}
		pop := func() uint64 {
			for {
				h := head.Load()
				if h&0xff == none {
					return none
				}
				to := next[h&0xff]
				checkpoint()
				if head.CompareAndSwap(h, version(h)|to) {
					return h & 0xff
				}
			}
		}
		head.Store(none)
		for n := range uint64(none) {
			push(n)
		}
		var used [none]int
		take := func() uint64 {
			n := pop()
			if n != none {
				used[n]++
				require.Equal(TOf(c), 1, used[n], "node %d has two owners", n)
			}
			return n
		}
		give := func(n uint64) {
			if n != none {
				used[n]--
				push(n)
			}
		}
		both(func() {
			a := take()
			b := take()
			give(a)
			checkpoint()
			give(b)
		})
	}},

	{"wait in an if", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		cond := tsync.NewCond(&mu)
		items, taken := 0, 0
		consume := func() {
			mu.Lock()
			for items == 0 && taken == 0 {
				cond.Wait()
				if broken {
					break
				}
			}
			if items > 0 || broken {
				items--
				taken++
			}
			mu.Unlock()
		}
		var wg tsync.WaitGroup
		wg.Go(consume)
		wg.Go(consume)
		mu.Lock()
		items++
		cond.Broadcast()
		mu.Unlock()
		wg.Wait()
		require.GreaterOrEqual(TOf(c), items, 0)
	}},

	{"cache stampede", assertionFailed, func(c *task.Ctx, broken bool) {
		loads := 0
		var mu tsync.Mutex
		cache := map[string]int{}
		var flight task.Flight[string, int]
		load := func() (int, error) {
			loads++
			c, _ := task.Current()
			_ = c.Sleep(time.Second)
			mu.Lock()
			cache["k"] = 1
			mu.Unlock()
			return 1, nil
		}
		both(func() {
			mu.Lock()
			_, ok := cache["k"]
			mu.Unlock()
			if ok {
				return
			}
			if broken {
				_, _ = load()
				return
			}
			_, _ = flight.Do("k", func() (int, error) {
				mu.Lock()
				v, ok := cache["k"]
				mu.Unlock()
				if ok {
					return v, nil
				}
				return load()
			})
		})
		require.Equal(TOf(c), 1, loads)
	}},

	{"broken once", assertionFailed, func(c *task.Ctx, broken bool) {
		var once tsync.Once
		begun, ready := false, false
		setup := func() {
			checkpoint()
			ready = true
		}
		both(func() {
			if !broken {
				once.Do(setup)
			} else if !begun {
				begun = true
				setup()
			}
			require.True(TOf(c), ready)
		})
	}},

	{"rate limiter after a pause", assertionFailed, func(c *task.Ctx, broken bool) {
		const burst = 2
		var mu tsync.Mutex
		tokens, last := burst, time.Now()
		allow := func() bool {
			mu.Lock()
			defer mu.Unlock()
			n := int(time.Since(last) / time.Minute)
			last = last.Add(time.Duration(n) * time.Minute)
			if tokens += n; !broken {
				tokens = min(tokens, burst)
			}
			if tokens == 0 {
				return false
			}
			tokens--
			return true
		}
		_ = c.Sleep(time.Hour)
		n := 0
		var wg tsync.WaitGroup
		for range burst + 1 {
			wg.Go(func() {
				if allow() {
					n++
				}
			})
		}
		wg.Wait()
		require.Equal(TOf(c), burst, n)
	}},

	{"no second look after an upgrade", assertionFailed, func(c *task.Ctx, broken bool) {
		var rw tsync.RWMutex
		m, made := map[string]int{}, 0
		both(func() {
			rw.RLock()
			_, ok := m["k"]
			rw.RUnlock()
			if ok {
				return
			}
			rw.Lock()
			defer rw.Unlock()
			if _, ok := m["k"]; !ok || broken {
				m["k"] = 1
				made++
			}
		})
		require.Equal(TOf(c), 1, made)
	}},

	{"WaitGroup.Add in the task", assertionFailed, func(c *task.Ctx, broken bool) {
		var wg tsync.WaitGroup
		n := 0
		for range 2 {
			if !broken {
				wg.Add(1)
			}
			c.Go(func(c *task.Ctx) {
				if broken {
					wg.Add(1)
				}
				n++
				wg.Done()
			})
		}
		wg.Wait()
		require.Equal(TOf(c), 2, n)
	}},

	{"torn configuration", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		host, port := "a", 1
		c.Go(func(c *task.Ctx) {
			mu.Lock()
			defer mu.Unlock()
			host, port = "b", 2
		})
		mu.Lock()
		h := host
		if broken {
			mu.Unlock()
			mu.Lock()
		}
		p := port
		mu.Unlock()
		require.Contains(TOf(c), []string{"a1", "b2"}, fmt.Sprint(h, p))
	}},

	{"work lost at shutdown", assertionFailed, func(c *task.Ctx, broken bool) {
		work, quit := tsync.NewChan[int](4), tsync.NewChan[int](0)
		done := 0
		w := c.Go(func(c *task.Ctx) {
			r, q := work.RecvCase(), quit.RecvCase()
			for {
				if chosen, _ := tsync.Select(c, r, q); chosen == tsync.Case(r) {
					done++
					continue
				}
				for !broken {
					if _, ok := work.TryRecv(); !ok {
						break
					}
					done++
				}
				return
			}
		})
		for i := range 2 {
			_ = work.Send(c, i)
		}
		quit.Close()
		_ = w.Wait()
		require.Equal(TOf(c), 2, done)
	}},

	{"skipped because the lock was busy", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		n := 0
		both(func() {
			if !broken {
				mu.Lock()
			} else if !mu.TryLock() {
				return
			}
			n++
			mu.Unlock()
		})
		require.Equal(TOf(c), 2, n)
	}},

	{"charged twice", assertionFailed, func(c *task.Ctx, broken bool) {
		var answer task.Completion[int]
		charged := 0
		both(func() {
			if broken && answer.Ready() {
				return
			}
			if answer.Complete(1, nil) || broken {
				charged++
			}
		})
		require.Equal(TOf(c), 1, charged)
	}},

	{"used after the last release", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		refs, freed := 1, false
		release := func() {
			mu.Lock()
			refs--
			last := refs == 0
			if !broken {
				freed = freed || last
				mu.Unlock()
				return
			}
			mu.Unlock()
			checkpoint()
			if last {
				freed = true
			}
		}
		c.Go(func(c *task.Ctx) { release() })
		mu.Lock()
		got := !freed
		if got {
			refs++
		}
		mu.Unlock()
		if got {
			checkpoint()
			require.False(TOf(c), freed)
			release()
		}
	}},

	{"timer fires in spite of Stop", assertionFailed, func(c *task.Ctx, broken bool) {
		ended := ""
		var mu tsync.Mutex
		end := func(how string) {
			mu.Lock()
			defer mu.Unlock()
			if ended == "" || broken {
				ended += how
			}
		}
		timer := tsync.AfterFunc(c, time.Minute, func(*task.Ctx) { end("timeout") })
		_ = c.Sleep(time.Minute)
		timer.Stop()
		end("done")
		_ = c.Sleep(time.Minute)
		require.Contains(TOf(c), []string{"done", "timeout"}, ended)
	}},

	{"error of the slower one is lost", assertionFailed, func(c *task.Ctx, broken bool) {
		var mu tsync.Mutex
		var first error
		var wg tsync.WaitGroup
		for _, err := range []error{errors.New("disk"), nil} {
			wg.Go(func() {
				mu.Lock()
				defer mu.Unlock()
				if broken || err != nil {
					first = err
				}
			})
		}
		wg.Wait()
		require.Error(TOf(c), first)
	}},
}
