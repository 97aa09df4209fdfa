package fiber

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSwitchAtRandomAndReapAll(t *testing.T) {
	const fibers, switches = 50, 20_000
	main := Adopt()
	all := make([]*Fiber, fibers)
	rng := rand.New(rand.NewPCG(1, 2))
	n, running := 0, -1
	for i := range all {
		all[i] = New(func(f *Fiber) {
			for !f.Dying() {
				if n++; n >= switches {
					running = -1
					Switch(f, main)
					continue
				}
				j := rng.IntN(fibers)
				if all[j] == f {
					continue
				}
				running = j
				Switch(f, all[j])
				if !f.Dying() {
					require.Equal(t, running, i, "the fiber switched to is the one that runs")
				}
			}
		})
	}
	running = 0
	Switch(main, all[0])
	require.GreaterOrEqual(t, n, switches)
	require.Empty(t, Reap(all))
}

func TestReapLeavesAFiberWhoseSlotHoldsAStranger(t *testing.T) {
	main := Adopt()
	var a, b *Fiber
	back := func(f *Fiber) {
		for !f.Dying() {
			Switch(f, main)
		}
	}
	b = New(back)
	a = New(func(f *Fiber) {
		Switch(f, b) // a sleeps in b's slot
		back(f)
	})
	Switch(main, a)
	// main ran a (main in a.own), a ran b (a in b.own), b ran main (b in a.own).
	require.Same(t, a, b.at)
	require.Same(t, b, a.at)
	left := Reap([]*Fiber{a})
	require.Equal(t, []*Fiber{a}, left)
	require.Empty(t, Reap([]*Fiber{a, b}))
}

func TestReapUnstarted(t *testing.T) {
	ran := false
	f := New(func(*Fiber) { ran = true })
	require.Empty(t, Reap([]*Fiber{f}))
	require.False(t, ran)
}

func TestGoexitStaysInTheFiber(t *testing.T) {
	main := Adopt()
	ran := 0
	var loop func(f *Fiber)
	loop = func(f *Fiber) {
		normal := false
		defer func() {
			if !normal {
				f.Goexits++
				loop(f)
			}
		}()
		for !f.Dying() {
			if ran++; ran%3 == 0 {
				runtime.Goexit()
			}
			Switch(f, main)
		}
		normal = true
	}
	f, g := New(loop), New(loop)
	for range 10 {
		Switch(main, f)
		Switch(main, g)
	}
	require.NotZero(t, f.Goexits)
	require.Empty(t, Reap([]*Fiber{f, g}))
}

func TestMigratesBetweenThreads(t *testing.T) {
	n := 0
	main := make([]*Fiber, 2)
	turn := make([]chan struct{}, 2)
	for i := range turn {
		turn[i] = make(chan struct{}, 1)
	}
	f := New(func(f *Fiber) {
		for !f.Dying() {
			runtime.LockOSThread()
			n++
			runtime.UnlockOSThread()
			Switch(f, main[(n-1)%2])
		}
	})
	done := make(chan struct{})
	for i := range main {
		go func() {
			runtime.LockOSThread()
			main[i] = Adopt()
			for range 1000 {
				<-turn[i]
				runtime.UnlockOSThread()
				Switch(main[i], f)
				runtime.LockOSThread()
				turn[1-i] <- struct{}{}
			}
			done <- struct{}{}
		}()
	}
	turn[0] <- struct{}{}
	<-done
	<-done
	require.Equal(t, 2000, n)
	require.Empty(t, Reap([]*Fiber{f}))
}

func BenchmarkSwitch(b *testing.B) {
	main := Adopt()
	f := New(func(f *Fiber) {
		for !f.Dying() {
			Switch(f, main)
		}
	})
	for b.Loop() {
		Switch(main, f)
	}
	Reap([]*Fiber{f})
}

// shuffle returns n fibers that sleep in each other's slots at random.
func shuffle(n int) []*Fiber {
	main := Adopt()
	all := make([]*Fiber, n)
	rng := rand.New(rand.NewPCG(3, 4))
	left := 10 * n
	for i := range all {
		all[i] = New(func(f *Fiber) {
			for !f.Dying() {
				if left--; left <= 0 {
					Switch(f, main)
				} else if to := all[rng.IntN(n)]; to != f {
					Switch(f, to)
				}
			}
		})
	}
	Switch(main, all[0])
	return all
}

// A Reaper that gets fibers a few at a time ends all of them, however far they have wandered,
// because it remembers the fibers whose slots hold later ones.
func TestReaperLittleByLittle(t *testing.T) {
	const n, step = 1000, 10
	all := shuffle(n)
	var r Reaper[*Fiber]
	ended := 0
	for i := 0; i < n; i += step {
		r.Add(all[i : i+step]...)
		k, _ := r.End(step)
		require.LessOrEqual(t, k, step)
		ended += k
	}
	require.Less(t, ended, n, "some slept in the slots of those that came later")
	for r.Len() > 0 {
		k, stuck := r.End(step)
		require.False(t, stuck, "%d are left", r.Len())
		ended += k
	}
	require.Equal(t, n, ended)
}

func BenchmarkReap(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		b.StopTimer()
		all := shuffle(n)
		b.StartTimer()
		Reap(all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/fiber")
}

// leastSlots is the number of slots of the smallest table.
var leastSlots = 1 << current.least

// Each fiber is found on its own goroutine, also after switches and Goexits, and on no other. A
// fiber that has ended is in no table, so a goroutine that gets its record is not taken for a
// fiber.
func TestCurrent(t *testing.T) {
	is := func(want *Fiber) {
		if f := Current(); f != want {
			panic("another fiber was found")
		}
	}
	before := current.live
	main := Adopt()
	is(nil)
	for range 20 {
		all := make([]*Fiber, 200)
		for i := range all {
			all[i] = New(func(f *Fiber) {
				defer func() { is(f) }()
				if i%3 == 0 {
					defer func() { // a Goexit in the deferred call of another
						is(f)
						f.Goexits++
						defer func() {
							for !f.Dying() {
								Switch(f, main)
								is(f)
							}
						}()
						runtime.Goexit()
					}()
					f.Goexits++
					runtime.Goexit()
				}
				for !f.Dying() {
					is(f)
					Switch(f, main)
				}
			})
		}
		for range 3 {
			for _, f := range all {
				Switch(main, f)
				is(nil)
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			is(nil)
			leave := Stand(nil)
			require.NotNil(t, Current())
			leave()
			is(nil)
		}()
		<-done
		require.Empty(t, Reap(all))
	}
	require.Equal(t, before, current.live)
	require.LessOrEqual(t, len(current.table.Load().tags), max(leastSlots, 8*before))
}

// The number, which ports without assembly use, belongs to the calling goroutine alone.
func TestGoroutineNumber(t *testing.T) {
	n := number()
	require.NotZero(t, n)
	require.Equal(t, n, number())
	other := make(chan uintptr)
	go func() { other <- number() }()
	require.NotEqual(t, n, <-other)
}

func BenchmarkCurrent(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run("fibers="+strconv.Itoa(n), func(b *testing.B) {
			all := make([]*Fiber, n)
			main := Adopt()
			body := func(f *Fiber) {
				for !f.Dying() {
					Switch(f, main)
				}
			}
			for i := range all {
				all[i] = New(body)
				Switch(main, all[i])
			}
			for _, where := range []string{"inside", "outside"} {
				b.Run("from="+where, func(b *testing.B) {
					if where == "inside" {
						defer Stand(nil)()
					}
					for b.Loop() {
						Current()
					}
				})
			}
			Reap(all)
		})
	}
}

// An entry is found behind tombstones and behind other entries with the same tag.
func TestFindGoesOn(t *testing.T) {
	table := newTable(6)
	at := func(g uintptr) uint64 { i, _ := table.place(g); return i }
	// The records of a and b have the same first slot.
	a := &Fiber{g: 1 << 20}
	var b *Fiber
	for g := a.g; b == nil; g += 64 {
		if g != a.g && at(g) == at(a.g) {
			b = &Fiber{g: g}
		}
	}
	table.put(a)
	table.put(b)
	f, i := table.find(a.g)
	require.Same(t, a, f)
	table.tags[i].Store(goneTag)
	table.fibers[i].Store(nil)
	f, _ = table.find(b.g)
	require.Same(t, b, f)
	f, _ = table.find(a.g)
	require.Nil(t, f)

	// A slot has the tag of c and holds another fiber.
	c := &Fiber{g: b.g + 64}
	_, tag := table.place(c.g)
	j := at(c.g)
	for table.tags[j].Load() != noTag {
		j = (j + 1) & uint64(len(table.tags)-1)
	}
	table.tags[j].Store(tag)
	table.fibers[j].Store(a)
	f, _ = table.find(c.g)
	require.Nil(t, f)
	table.put(c)
	f, _ = table.find(c.g)
	require.Same(t, c, f)
}

// Entries that come and go do not fill a table with tombstones: there is always an empty slot, at
// which find ends.
func TestTombstones(t *testing.T) {
	done := make(chan struct{})
	for range 8 * leastSlots {
		go func() { // one goroutine for each, so that the records differ
			Stand(nil)()
			done <- struct{}{}
		}()
	}
	for range 8 * leastSlots {
		<-done
	}
	for range 8 * leastSlots {
		Stand(nil)()
		empty := 0
		for i := range current.table.Load().tags {
			if current.table.Load().tags[i].Load() == noTag {
				empty++
			}
		}
		require.GreaterOrEqual(t, 4*empty, len(current.table.Load().tags))
	}
}
