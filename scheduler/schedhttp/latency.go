package schedhttp

import (
	"time"

	"github.com/heddle-go/heddle/scheduler"
)

// A window covers the last windowTime, in which the feed makes windowLen readings.
const (
	windowTime = 5 * time.Second
	windowLen  = int(windowTime / interval)
)

// A reading has the histograms behind the latencies that the page shows, as they were at one
// moment.
type reading struct {
	at time.Time
	of [4]scheduler.Histogram // queue, dispatch, timers, wakes
}

func readingOf(l *scheduler.Latencies, at time.Time) reading {
	all := l.All()
	return reading{at, [...]scheduler.Histogram{all.Queue, all.Dispatch, l.Timers, l.Wakes}}
}

// A window holds the last readings of one scheduler, the oldest first.
type window struct{ past []reading }

// next adds a reading, and returns the latencies since the oldest reading of the last seconds. If
// the feed had no viewers in these seconds, there is no such reading, and next returns the
// latencies of the scheduler's whole life.
func (w *window) next(now reading) *Latencies {
	for len(w.past) > 0 && (len(w.past) > windowLen || now.at.Sub(w.past[0].at) > windowTime*3/2) {
		w.past = w.past[1:]
	}
	var before *reading
	if len(w.past) > 0 {
		before = &w.past[0]
	}
	l := latenciesOf(now, before)
	w.past = append(w.past, now)
	return l
}

// latenciesOf returns the latencies between two readings. If before is nil, it returns those of the
// scheduler's whole life.
func latenciesOf(now reading, before *reading) *Latencies {
	l := new(Latencies)
	if before != nil {
		l.OverMS = max(1, now.at.Sub(before.at).Milliseconds())
	}
	for i, to := range []*Latency{&l.Queue, &l.Dispatch, &l.Timers, &l.Wakes} {
		if before == nil {
			*to = latencyOf(now.of[i])
		} else {
			*to = latencySince(now.of[i], before.of[i])
		}
	}
	return l
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func latencyOf(h scheduler.Histogram) Latency {
	return Latency{h.Count(), ms(h.Quantile(.5)), ms(h.Quantile(.99)), ms(h.Quantile(.999)), ms(h.Max())}
}

// A bucket counts durations up to a bound.
type bucket struct {
	upTo time.Duration
	n    uint64
}

// latencySince returns the distribution of the durations that are in now but not in before, an
// earlier reading of the same histogram. It knows the longest of them only to the accuracy of a
// bucket.
func latencySince(now, before scheduler.Histogram) Latency {
	old := make(map[time.Duration]uint64)
	for upTo, n := range before.Buckets() {
		old[upTo] = n
	}
	var fresh []bucket
	count := uint64(0)
	for upTo, n := range now.Buckets() {
		if n -= min(n, old[upTo]); n != 0 {
			fresh = append(fresh, bucket{min(upTo, now.Max()), n})
			count += n
		}
	}
	l := Latency{Count: count}
	if count == 0 {
		return l
	}
	at := func(q float64) float64 {
		below := uint64(0)
		for _, b := range fresh {
			if below += b.n; float64(below) >= q*float64(count) {
				return ms(b.upTo)
			}
		}
		return ms(fresh[len(fresh)-1].upTo)
	}
	l.P50MS, l.P99MS, l.P999MS, l.MaxMS = at(.5), at(.99), at(.999), at(1)
	return l
}
