package schednats_test

import (
	"runtime"
	"testing"

	"github.com/heddle-go/heddle/scheduler/schednats"
)

// BenchmarkOutcomeSize says what an outcome that is kept costs the server: bytes of memory and of
// its file. One op is one outcome of 8 bytes. Run it with -benchtime 200000x.
func BenchmarkOutcomeSize(b *testing.B) {
	js, stop := embedded()
	defer stop()
	ctx := b.Context()
	if _, err := schednats.Create[int, string](ctx, js, schednats.Config{Name: "q"}); err != nil {
		b.Fatal(err)
	}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	for i := range b.N {
		if _, err := js.PublishAsync("q.done.monday.tile-"+itoa(i), []byte(`"result"`)); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 0 {
			<-js.PublishAsyncComplete()
		}
	}
	<-js.PublishAsyncComplete()
	done, err := js.Stream(ctx, "q_DONE")
	if err != nil {
		b.Fatal(err)
	}
	if n := done.CachedInfo().State.Msgs; n != uint64(b.N) {
		b.Fatalf("%d outcomes are stored, want %d", n, b.N)
	}
	b.ReportMetric((heap()-before)/float64(b.N), "memory-B/op")
	b.ReportMetric(float64(done.CachedInfo().State.Bytes)/float64(b.N), "file-B/op")
}
