package schedtest

import (
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A planted is a program that has a bug if broken is set, and is mended if not.
type planted struct {
	name string
	kind kind // of the failure
	body func(c *task.Ctx, broken bool)
}

// corpus has bugs of the kinds that programs have. Mixed finds each of them within 1,000 schedules,
// and the mended program never fails.
var corpus = slices.Concat(wrongResults, deadlocks, panicsAndLeaks)

// both runs f in two tasks and waits for them.
func both(f func()) {
	var wg tsync.WaitGroup
	wg.Go(f)
	wg.Go(f)
	wg.Wait()
}

// checkpoint is a yield point of the caller, between two operations that heddle knows nothing of.
func checkpoint() {
	c, _ := task.Current()
	c.Checkpoint()
}

// update writes testdata/schedules.txt.
var update = flag.Bool("update", false, "write testdata/schedules.txt")

const goldenFile = "testdata/schedules.txt"

// A golden is a line of testdata/schedules.txt: the shortest schedule that Mixed has found for a
// planted bug, and the run to which that schedule leads.
type golden struct {
	schedule string
	steps    int
	digest   uint64 // of the steps: which task, in which operation
}

// digest returns the digest of a traced run. It leaves out the lines, which the compiler may give
// to deferred calls differently with -race.
func digest(steps []step) uint64 {
	h := fnv.New64a()
	for _, s := range steps {
		fmt.Fprintf(h, "%d %s %s\n", s.id, s.task, s.what)
	}
	return h.Sum64()
}

// readGolden returns the lines of testdata/schedules.txt by the names of the bugs.
func readGolden(t *testing.T) map[string]golden {
	b, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	m := map[string]golden{}
	for line := range strings.Lines(string(b)) {
		var g golden
		name, rest, ok := strings.Cut(line, ": ")
		require.True(t, ok, line)
		_, err := fmt.Sscanf(rest, "%s %d steps, digest %x", &g.schedule, &g.steps, &g.digest)
		require.NoError(t, err, line)
		m[name] = g
	}
	return m
}

// writeGolden is the reverse of readGolden.
func writeGolden(t *testing.T, m map[string]golden) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s: %s %d steps, digest %x\n", name, m[name].schedule, m[name].steps, m[name].digest)
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(goldenFile), 0o777))
	require.NoError(t, os.WriteFile(goldenFile, []byte(b.String()), 0o666))
}

// A schedule is the same in every process, on every number of CPUs and architecture, with and
// without the race detector, and while other tests run in parallel. So for each planted bug, the
// recommended mode finds the schedule that another process wrote to testdata/schedules.txt. And
// each time that schedule runs, it leads to the run that is written there.
func TestCorpus(t *testing.T) {
	var want map[string]golden
	if !*update {
		want = readGolden(t)
		require.Len(t, want, len(corpus))
	}
	var mu sync.Mutex
	got := map[string]golden{}
	t.Run("bugs", func(t *testing.T) {
		for _, p := range testkit.Part(corpus) {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				cfg := Config{}.complete(func(c *task.Ctx) { p.body(c, true) })
				f := search(t, cfg).failed
				require.NotNil(t, f, "no schedule has failed")
				require.Equal(t, p.kind, f.kind, f.message)
				s, err := parseSchedule(f.schedule)
				require.NoError(t, err)
				x := again(t, cfg, s, true, false)
				g := golden{f.schedule, x.steps, digest(f.steps)}
				mu.Lock()
				got[p.name] = g
				mu.Unlock()
				if !*update {
					require.Equal(t, want[p.name], g)
				}
				for range many(50) {
					y := again(t, cfg, s, true, false)
					require.Empty(t, differs(x, y))
					require.Equal(t, x.choices, y.choices)
				}
			})
		}
	})
	if *update {
		writeGolden(t, got)
	}
}

// The other modes find the same bugs. With -v the log has the rows of the table in BENCHMARKS.md,
// with the schedules and the least time of nine searches to the first failure.
func TestCorpusByMode(t *testing.T) {
	modes := []Config{
		{}, {Mode: Random}, {Mode: PCT}, {Mode: DepthFirst, Preemptions: 2, Schedules: 1_000},
	}
	if testing.Short() {
		modes = modes[1:3]
	}
	searches := 1
	if testing.Verbose() {
		searches = 9
	}
	for _, p := range testkit.Part(corpus) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			row := "| " + p.name
			for _, cfg := range modes {
				var r result
				var x *execution
				took := time.Duration(math.MaxInt64)
				for range searches {
					begin := time.Now()
					r, x = hunt(t, cfg.complete(func(c *task.Ctx) { p.body(c, true) }))
					took = min(took, time.Since(begin))
				}
				require.Nil(t, r.failed)
				if x == nil {
					row += " | -"
					continue
				}
				require.Equal(t, p.kind, x.fail.kind, x.fail.message)
				row += fmt.Sprintf(" | %d, %.1f ms", r.schedules, float64(took.Microseconds())/1000)
			}
			t.Log(row + " |")
		})
	}
}

// No mended program fails.
func TestCorpusMended(t *testing.T) {
	for _, p := range corpus {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			Run(t, Config{Schedules: many(4_000)}, func(c *task.Ctx) { p.body(c, false) })
		})
	}
}
