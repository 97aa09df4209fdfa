// Package browsertest looks at the page of package schedhttp in a headless browser. It is a module
// of its own, because it needs Chromium and a library that drives it.
package browsertest

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedhttp"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

var (
	shot = flag.String("shot", "", "write a picture of a busy page to this `file`")
	dark = flag.Bool("dark", false, "draw the picture in dark mode")
)

// browser starts a browser, and returns the context of its first tab. It looks for Chromium under
// the names that Debian and other systems give it.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	require.NotEmpty(t, path, "these tests need Chromium: apt-get install chromium")
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1280, 1400),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true))
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Run(ctx))
	return ctx
}

func open(t *testing.T, workers int, opts ...scheduler.Option) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(append(opts, scheduler.WithWorkers(workers))...)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// serve returns the address of the page. Call it before browser: the server's end waits for the
// browser's connections, so the browser has to end first.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL + "/"
}

// tile returns the number that a tile shows.
func tile(t *testing.T, tab context.Context, label string) string {
	t.Helper()
	var text string
	require.NoError(t, chromedp.Run(tab, chromedp.Text(`[data-tile="`+label+`"] b`, &text, chromedp.ByQuery)))
	return text
}

// until waits until an expression of the page is true. While the page is being replaced by another,
// it asks again.
func until(t *testing.T, tab context.Context, expr string) {
	t.Helper()
	for {
		err := chromedp.Run(tab, chromedp.Poll(expr, nil, chromedp.WithPollingTimeout(time.Minute)))
		if err != nil && strings.Contains(err.Error(), "Cannot find context") {
			continue
		}
		require.NoError(t, err, expr)
		return
	}
}

// The numbers of two viewers are those of Stats, the lists show the tasks, and names are shown as
// text. After the scheduler was closed, the page says so.
func TestNumbers(t *testing.T) {
	s := open(t, 2)
	var e tsync.Event
	for range 41 {
		s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("<i>waits</i>\u202e\x1b"))
	}
	for range 3 {
		s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Hour) })
	}
	at := serve(t, schedhttp.Handler(s))
	tab := browser(t)
	other, cancel := chromedp.NewContext(tab)
	defer cancel()
	for _, tab := range []context.Context{tab, other} {
		require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
		until(t, tab, `document.querySelector('[data-tile="tasks"] b')?.textContent === '44'`)
		until(t, tab, `document.querySelector('[data-tile="asleep"] b').textContent === '2'`)
		st := s.Stats() // exact, because all workers sleep
		for label, want := range map[string]int{
			"tasks": st.Live, "running": st.Running, "queued": st.Queued, "asleep": st.Sleeping, "timers": st.Timers,
			"blocking calls": st.CallsRunning, "panics": int(st.Panics), "stalls": int(st.Stalls),
		} {
			require.Equal(t, strconv.Itoa(want), tile(t, tab, label), label)
		}
		until(t, tab, `document.querySelector('#found').textContent === 'the first 25 of 44'`)
		until(t, tab, `document.querySelectorAll('#tasks tbody tr').length === 25`)
		require.NoError(t, chromedp.Run(tab, chromedp.Click(`#more`, chromedp.ByQuery)))
		until(t, tab, `document.querySelectorAll('#tasks tbody tr').length === 44 && document.querySelector('#more').hidden`)
		until(t, tab, `document.querySelectorAll('#groups tbody tr').length === 2`)
		var name string
		require.NoError(t, chromedp.Run(tab, chromedp.Text(`#groups tbody td`, &name, chromedp.ByQuery)))
		require.Equal(t, "<i>waits</i>‹202e›‹1b›", name)
	}
	e.Set()
	// A page that is not seen draws nothing; the second tab is in front.
	until(t, other, `document.querySelector('[data-tile="tasks"] b').textContent === '3'`)
	until(t, other, `document.querySelector('#rest').textContent === ''`)
	s.Close()
	until(t, other, `document.querySelectorAll('#tasks tbody tr').length === 0`)
	until(t, other, `document.querySelector('#rest').textContent.startsWith('This scheduler was closed')`)
}

// A page for which there is no room among the viewers says so, and shows the numbers when there is.
func TestTooManyViewers(t *testing.T) {
	at := serve(t, schedhttp.Handler(open(t, 1)))
	tab := browser(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range 32 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"api/v1/events", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
	until(t, tab, `document.querySelector('#state').textContent.includes('too many viewers')`)
	leave()
	until(t, tab, `document.querySelector('#state').className === 'live'`)
}

// Two tasks that each hold the lock that the other one wants are shown as a deadlock, with both
// names if the scheduler notes waits. They can be opened by the keyboard.
func TestDeadlock(t *testing.T) {
	plain, noting := open(t, 2), open(t, 2, scheduler.WithSites(), scheduler.WithWaitProfile(1))
	at := serve(t, schedhttp.Handler(plain, schedhttp.Also("noting", noting)))
	tab := browser(t)
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
	until(t, tab, `document.querySelector('#state').textContent.includes(':')`)
	for i, s := range []*scheduler.Scheduler{plain, noting} {
		var both tsync.WaitGroup
		both.Add(2)
		var locks [2]tsync.Mutex
		transfer := func(name string, from, to *tsync.Mutex) task.Task {
			return s.Go(func(c *task.Ctx) {
				from.Lock()
				defer from.Unlock()
				both.Done()
				both.Wait()
				if to.LockContext(c) == nil {
					to.Unlock()
				}
			}, task.Name(name))
		}
		x := transfer("transfer", &locks[0], &locks[1])
		y := transfer("refund", &locks[1], &locks[0])
		require.NoError(t, chromedp.Run(tab, chromedp.KeyEvent(strconv.Itoa(i+1))))
		until(t, tab, `document.querySelector('#banner').textContent.includes('Every one of 2 tasks waits')`)
		if s == noting {
			until(t, tab, `/Deadlock: (transfer → refund → transfer|refund → transfer → refund)\./.test(document.querySelector('#banner').textContent)`)
			until(t, tab, `document.querySelectorAll('#waits tbody tr.cycle').length === 2`)
			until(t, tab, `/^(transfer waits for refund waits for transfer|refund waits for transfer waits for refund)$/.test(document.querySelector('.cycle-line').innerText.replace(/\s+/g, ' '))`)
			until(t, tab, `document.querySelectorAll('#tasks tbody tr[tabindex="0"]').length === 1`)
			require.NoError(t, chromedp.Run(tab, chromedp.Focus(`#tasks tbody tr`, chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowDown)))
			until(t, tab, `document.activeElement === document.querySelectorAll('#tasks tbody tr')[1]`)
			require.NoError(t, chromedp.Run(tab, chromedp.KeyEvent(kb.Enter)))
			until(t, tab, `document.querySelector('#opened').open`)
			until(t, tab, `document.querySelector('#opened').textContent.includes('browsertest.TestDeadlock')`)
			// The stack of the wait, and that of the start with the functions that called it.
			until(t, tab, `[...document.querySelectorAll('#opened .stack')].map(s => s.children.length > 1).join() === 'false,true'`)
			until(t, tab, `/page_test\.go:[0-9]+$/.test(document.querySelector('#opened .stack li').textContent)`)
			until(t, tab, `document.querySelector('#opened .stack').tabIndex === 0`)
			until(t, tab, `document.querySelector('#opened dd button')?.textContent.match(/transfer|refund/)`)
			require.NoError(t, chromedp.Run(tab, chromedp.KeyEvent(kb.Escape)))
			until(t, tab, `!document.querySelector('#opened').open`)
		}
		x.Cancel()
		until(t, tab, `!document.querySelector('#banner').classList.contains('on')`)
		_, _ = x.Wait(), y.Wait()
		if s == noting { // both have waited
			until(t, tab, `[...document.querySelectorAll('#places tbody tr')].some(r => /^browsertest\.TestDeadlock.* page_test\.go:[0-9]+mutex2/.test(r.textContent))`)
			until(t, tab, `document.querySelector('#placenote').textContent.endsWith('since the scheduler was made')`)
		} else {
			until(t, tab, `document.querySelector('#noplaces').textContent.includes('WithWaitProfile')`)
		}
	}
}

// With many tasks the page goes on drawing, and its lists stay short.
func TestManyTasks(t *testing.T) {
	const n = 100_000
	s := open(t, 2)
	var e tsync.Event
	for i := range n {
		s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("waiter "+strconv.Itoa(i%7)))
	}
	at := serve(t, schedhttp.Handler(s))
	tab := browser(t)
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
	until(t, tab, `document.querySelector('[data-tile="tasks"] b')?.textContent === '100k'`)
	until(t, tab, `document.querySelector('#found').textContent === 'the first 25 of 100,000'`)
	until(t, tab, `document.querySelectorAll('#groups tbody tr').length === 7`)
	require.NoError(t, chromedp.Run(tab, chromedp.SendKeys(`#name`, "waiter 3", chromedp.ByQuery)))
	until(t, tab, `document.querySelector('#found').textContent === 'the first 25 of 14,286 found, of 100,000'`)
	// A click on a group lists its tasks.
	until(t, tab, `document.querySelector('#groups tbody tr').textContent.startsWith('waiter 0waiting')`)
	require.NoError(t, chromedp.Run(tab, chromedp.Click(`#groups tbody tr`, chromedp.ByQuery)))
	until(t, tab, `document.querySelector('#found').textContent === 'the first 25 of 14,286 found, of 100,000' && document.querySelector('#tasks tbody tr').textContent.startsWith('waiter 0')`)
	// While the lists come again and again, the page draws the samples.
	require.NoError(t, chromedp.Run(tab, chromedp.Evaluate(`
		var draws = 0, lists = 0;
		{ const was = drawTiles; drawTiles = () => { draws++; was(); }; }
		{ const was = showTasks; showTasks = tasks => { lists++; was(tasks); }; }`, nil)))
	until(t, tab, `lists >= 2 && draws >= 8`)
	until(t, tab, `document.querySelectorAll('*').length < 1500`)
	e.Set()
}

// A viewer pauses and resumes if that is allowed, and sees no button otherwise.
func TestPause(t *testing.T) {
	s := open(t, 2)
	readOnly, allowed := serve(t, schedhttp.Handler(s)), serve(t, schedhttp.Handler(s, schedhttp.AllowPause()))
	tab := browser(t)
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(readOnly)))
	until(t, tab, `document.querySelector('#state').textContent.includes(':')`)
	until(t, tab, `document.querySelector('#pause').hidden`)
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(allowed)))
	until(t, tab, `document.querySelector('#pause')?.hidden === false`)
	require.NoError(t, chromedp.Run(tab, chromedp.Click(`#pause`, chromedp.ByQuery)))
	until(t, tab, `document.querySelector('#pause').textContent === 'resume'`)
	until(t, tab, `document.querySelector('#rest').textContent.startsWith('This scheduler is paused')`)
	require.True(t, s.Stats().Paused)
	require.NoError(t, chromedp.Run(tab, chromedp.Click(`#pause`, chromedp.ByQuery)))
	until(t, tab, `document.querySelector('#pause').textContent === 'pause'`)
	require.False(t, s.Stats().Paused)
}

// The latencies that the page shows are those of the scheduler, and stalls appear with their task.
func TestLatenciesAndStalls(t *testing.T) {
	stalls := new(schedhttp.StallLog)
	s := open(t, 2, scheduler.WithLatencies(scheduler.Exact), scheduler.WithStallAfter(50*time.Millisecond), scheduler.WithStallHandler(stalls.Add))
	at := serve(t, schedhttp.Handler(s, schedhttp.Name("<i>one</i>"), schedhttp.Also("two", open(t, 1)), schedhttp.Stalls(stalls)))
	tab := browser(t)
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
	until(t, tab, `document.querySelector('#c-queue + .legend')?.textContent === 'p50 –p99 –p99.9 –'`)
	release := make(chan struct{})
	hog := s.Go(func(*task.Ctx) { <-release }, task.Name("<b>hog</b>"))
	until(t, tab, `document.querySelector('#stalls summary')?.textContent.startsWith('<b>hog</b>')`)
	until(t, tab, `/ held worker [01] for /.test(document.querySelector('#stalls summary').textContent)`)
	until(t, tab, `/^p50 [0-9.]+ (ns|µs|ms)p99 [0-9.]+ (ns|µs|ms)p99.9 /.test(document.querySelector('#c-queue + .legend').textContent)`)
	close(release)
	require.NoError(t, hog.Wait())
	until(t, tab, `document.querySelector('[data-tile="stalls"] b').textContent === '1'`)
	require.NoError(t, chromedp.Run(tab, chromedp.KeyEvent("2")))
	until(t, tab, `document.querySelector('#stalls').children.length === 0 && !document.querySelector('#nostalls').hidden`)
	until(t, tab, `!document.querySelector('#nolat').hidden && document.querySelector('#c-queue').parentElement.hidden`)
}

// TestPicture draws a busy page. It is the picture in the docs.
func TestPicture(t *testing.T) {
	looks := []scheduler.Option{scheduler.WithLatencies(scheduler.Exact), scheduler.WithSites(), scheduler.WithWaitProfile(time.Millisecond)}
	stalls := new(schedhttp.StallLog)
	s, batch := open(t, 4, append(looks, scheduler.WithStallHandler(stalls.Add))...), open(t, 2, looks...)
	jobs := tsync.NewChan[int](16)
	kinds := []string{"parse", "resize", "encode", "upload"}
	var cache tsync.Mutex
	for i := range 120 {
		s.Go(func(c *task.Ctx) {
			for n := range jobs.All(c) {
				for begin := time.Now(); time.Since(begin) < time.Duration(100+n%7*100)*time.Microsecond; {
					c.Checkpoint()
				}
				if n%5 == 0 && cache.LockContext(c) == nil {
					_ = c.Sleep(2 * time.Millisecond)
					cache.Unlock()
				}
			}
		}, task.Name(kinds[i%len(kinds)]), task.Priority([]task.Level{task.Normal, task.Normal, task.High, task.Low}[i%4]))
	}
	for i := range 1000 {
		s.Go(func(c *task.Ctx) {
			for c.Sleep(time.Duration(1+i%20)*time.Second) == nil {
			}
		}, task.Name("session"))
	}
	s.Go(func(c *task.Ctx) {
		for i := 0; jobs.Send(c, i) == nil; i++ {
			if i%64 == 0 {
				_ = c.Sleep(time.Duration(10+i/64%40*2) * time.Millisecond)
			}
		}
	}, task.Name("producer"))
	var both tsync.WaitGroup
	both.Add(2)
	var accounts [2]tsync.Mutex
	for i, name := range []string{"transfer", "refund"} {
		s.Go(func(c *task.Ctx) {
			accounts[i].Lock()
			defer accounts[i].Unlock()
			both.Done()
			both.Wait()
			if accounts[1-i].LockContext(c) == nil {
				accounts[1-i].Unlock()
			}
		}, task.Name(name))
	}
	at := serve(t, schedhttp.Handler(s, schedhttp.Name("requests"), schedhttp.Also("batch", batch), schedhttp.AllowPause(), schedhttp.Stalls(stalls)))
	tab := browser(t)
	scheme := "light"
	if *dark {
		scheme = "dark"
	}
	require.NoError(t, chromedp.Run(tab, chromedp.EmulateViewport(1280, 1490),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}), chromedp.Navigate(at)))
	samples := "4"
	if *shot != "" {
		samples = "118"
	}
	until(t, tab, `history.length >= `+samples)
	until(t, tab, `document.querySelectorAll('.cycle-line').length === 1`)
	var end float64 // of the part that the picture shows
	require.NoError(t, chromedp.Run(tab, chromedp.Evaluate(`document.querySelector('#places').closest('section').getBoundingClientRect().bottom`, &end)))
	var picture []byte
	require.NoError(t, chromedp.Run(tab, chromedp.EmulateViewport(1280, int64(end)+16), chromedp.CaptureScreenshot(&picture)))
	require.True(t, strings.HasPrefix(string(picture), "\x89PNG"))
	if *shot != "" {
		require.NoError(t, os.WriteFile(*shot, picture, 0o644))
	}
}
