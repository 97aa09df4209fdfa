package tsync

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnce(t *testing.T) {
	each(t, func(w *world) {
		var o Once
		var m Mutex
		m.Lock()
		n := 0
		for range 4 {
			w.start(func(ctx context.Context) {
				o.Do(func() {
					m.Lock()
					n++
				})
				w.check(n == 1, "%d", n)
			})
		}
		untilWaiting(&o.done.mu, &o.done.queue, 3)
		m.Unlock()
		w.wait()
		o.Do(func() { n++ })
		require.Equal(w.t, 1, n)

		// The panic of the function goes to its own caller alone. The other callers wait until the
		// function has ended.
		var p Once
		hold := NewChan[int](0)
		w.start(func(ctx context.Context) {
			defer func() { w.check(recover() == "boom", "no panic") }()
			p.Do(func() { _, _, _ = hold.Recv(ctx); panic("boom") })
		})
		untilWaiting(&hold.mu, &hold.recvq, 1)
		for i := range 3 {
			w.start(func(ctx context.Context) { p.Do(func() { w.errorf("called twice") }) })
			untilWaiting(&p.done.mu, &p.done.queue, i+1)
		}
		hold.Close()
	})
	var o Once
	requirePanics(t, "nil function", func() { o.Do(nil) })
	ran := false
	o.Do(func() { ran = true })
	require.True(t, ran, "the nil function does not count")
	o = Once{}
	requirePanics(t, "boom", func() { o.Do(func() { panic("boom") }) })
	o.Do(func() { t.Error("a panic counts as done") })
}

func TestOnceValue(t *testing.T) {
	each(t, func(w *world) {
		n := 0
		get := OnceValues(func() (int, string) {
			n++
			e := new(Event)
			go e.Set()
			e.Wait()
			return 42, "x"
		})
		one := OnceValue(func() int { v, _ := get(); return v })
		do := OnceFunc(func() { one() })
		for i := range 6 {
			w.start(func(ctx context.Context) {
				switch i % 3 {
				case 0:
					v, s := get()
					w.check(v == 42 && s == "x" && n == 1, "%d %s %d", v, s, n)
				case 1:
					w.check(one() == 42 && n == 1, "%d", n)
				default:
					do()
					w.check(n == 1, "%d", n)
				}
			})
		}
	})
	for _, f := range []func(f func()) func(){
		OnceFunc,
		func(f func()) func() { g := OnceValue(func() int { f(); return 0 }); return func() { g() } },
		func(f func()) func() { g := OnceValues(func() (int, int) { f(); return 0, 0 }); return func() { g() } },
	} {
		for _, v := range []any{"boom", errStop} {
			bad := f(func() { panic(v) })
			for range 2 {
				require.Equal(t, v, recovered(bad))
			}
		}
		exits := f(runtime.Goexit)
		done := make(chan struct{})
		go func() { defer close(done); exits() }()
		<-done
		requirePanics(t, "Goexit", exits)
	}
	requirePanics(t, "nil function", func() { OnceFunc(nil) })
	requirePanics(t, "nil function", func() { OnceValue[int](nil) })
	requirePanics(t, "nil function", func() { OnceValues[int, int](nil) })
}
