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

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedhttp"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

var shot = flag.String("shot", "", "write a picture of a busy page to this `file`")

// browser starts a browser, and returns the context of its first tab. Chromium is looked for under
// the names that Debian and others give it.
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
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Run(ctx))
	return ctx
}

func open(t *testing.T, workers int) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(scheduler.WithWorkers(workers))
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
// text.
func TestNumbers(t *testing.T) {
	s := open(t, 2)
	var e tsync.Event
	for range 41 {
		s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("<i>waits</i>"))
	}
	at := serve(t, schedhttp.Handler(s))
	tab := browser(t)
	other, cancel := chromedp.NewContext(tab)
	defer cancel()
	for _, tab := range []context.Context{tab, other} {
		require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
		until(t, tab, `document.querySelector('[data-tile="tasks"] b')?.textContent === '41'`)
		require.Equal(t, "0", tile(t, tab, "running"))
		require.Equal(t, "0", tile(t, tab, "queued"))
		require.Equal(t, "2", tile(t, tab, "asleep"))
		until(t, tab, `document.querySelectorAll('#tasks tbody tr').length === 41`)
		until(t, tab, `document.querySelectorAll('#groups tbody tr').length === 1`)
		var name string
		require.NoError(t, chromedp.Run(tab, chromedp.Text(`#groups tbody td`, &name, chromedp.ByQuery)))
		require.Equal(t, "<i>waits</i>", name)
	}
	require.Equal(t, 41, int(s.Stats().Spawned))
	e.Set()
	// A page that is not seen draws nothing; the second tab is in front.
	until(t, other, `document.querySelector('[data-tile="tasks"] b').textContent === '0'`)
	s.Close()
	until(t, other, `document.querySelectorAll('#tasks tbody tr').length === 0`)
}

// Two tasks that each hold the lock that the other one wants are shown as a deadlock.
func TestDeadlock(t *testing.T) {
	s := open(t, 2)
	at := serve(t, schedhttp.Handler(s))
	tab := browser(t)
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
	until(t, tab, `document.querySelector('#state').textContent.includes(':')`)
	var both tsync.WaitGroup
	both.Add(2)
	var locks [2]tsync.Mutex
	transfer := func(from, to *tsync.Mutex) task.Task {
		return s.Go(func(c *task.Ctx) {
			from.Lock()
			defer from.Unlock()
			both.Done()
			both.Wait()
			if to.LockContext(c) == nil {
				to.Unlock()
			}
		}, task.Name("transfer"))
	}
	x := transfer(&locks[0], &locks[1])
	y := transfer(&locks[1], &locks[0])
	until(t, tab, `document.querySelector('#banner').classList.contains('on')`)
	var text string
	require.NoError(t, chromedp.Run(tab, chromedp.Text(`#banner`, &text, chromedp.ByQuery)))
	require.Contains(t, text, "Every one of 2 tasks waits")
	x.Cancel()
	until(t, tab, `!document.querySelector('#banner').classList.contains('on')`)
	_, _ = x.Wait(), y.Wait()
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
	until(t, tab, `document.querySelector('#found').textContent === '100 of 100000 found, 100000 tasks'`)
	until(t, tab, `document.querySelectorAll('#groups tbody tr').length === 7`)
	require.NoError(t, chromedp.Run(tab, chromedp.SendKeys(`#name`, "waiter 3", chromedp.ByQuery)))
	until(t, tab, `document.querySelector('#found').textContent.startsWith('100 of 14286 found')`)
	var before, after string
	require.NoError(t, chromedp.Run(tab, chromedp.Evaluate(`String(history.at(-1).at)`, &before)))
	until(t, tab, `history.at(-1).at - `+before+` > 1000`)
	require.NoError(t, chromedp.Run(tab, chromedp.Evaluate(`String(history.length)`, &after)))
	require.NotEqual(t, "0", after)
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
	require.True(t, s.Stats().Paused)
	require.NoError(t, chromedp.Run(tab, chromedp.Click(`#pause`, chromedp.ByQuery)))
	until(t, tab, `document.querySelector('#pause').textContent === 'pause'`)
	require.False(t, s.Stats().Paused)
}

// TestPicture draws a busy page. It is the picture in the docs.
func TestPicture(t *testing.T) {
	s, batch := open(t, 4), open(t, 2)
	jobs := tsync.NewChan[int](16)
	kinds := []string{"parse", "resize", "encode"}
	for i := range 200 {
		s.Go(func(c *task.Ctx) {
			for range jobs.All(c) {
				for begin := time.Now(); time.Since(begin) < 300*time.Microsecond; {
					c.Checkpoint()
				}
			}
		}, task.Name(kinds[i%3]))
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
				_ = c.Sleep(time.Duration(i%7) * 4 * time.Millisecond)
			}
		}
	}, task.Name("producer"))
	at := serve(t, schedhttp.Handler(s, schedhttp.Name("requests"), schedhttp.Also("batch", batch), schedhttp.AllowPause()))
	tab := browser(t)
	require.NoError(t, chromedp.Run(tab, chromedp.Navigate(at)))
	samples := "4"
	if *shot != "" {
		samples = "110"
	}
	until(t, tab, `history.length >= `+samples)
	var picture []byte
	require.NoError(t, chromedp.Run(tab, chromedp.CaptureScreenshot(&picture)))
	require.True(t, strings.HasPrefix(string(picture), "\x89PNG"))
	if *shot != "" {
		require.NoError(t, os.WriteFile(*shot, picture, 0o644))
	}
}
