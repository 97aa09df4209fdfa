package schedhttp

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a scheduler that is closed at the end of the test.
func open(t testing.TB, opts ...scheduler.Option) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(append([]scheduler.Option{scheduler.WithWorkers(2)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// serve mounts h as a program would, and returns the address of the page.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/debug/heddle/", h)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL + "/debug/heddle/"
}

func get(t testing.TB, url string) (code int, body string, head http.Header) {
	t.Helper()
	r, err := http.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(b), r.Header
}

// decode gets url and decodes the answer, which must be JSON without fields that T does not have.
func decode[T any](t testing.TB, url string) (v T) {
	t.Helper()
	code, body, head := get(t, url)
	require.Equal(t, http.StatusOK, code, body)
	require.Equal(t, "application/json", head.Get("Content-Type"))
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v))
	return v
}

func TestPage(t *testing.T) {
	at := serve(t, Handler(open(t)))
	code, body, head := get(t, at)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "text/html; charset=utf-8", head.Get("Content-Type"))
	require.Contains(t, head.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, body, "<title>heddle</title>")
	require.Less(t, len(body), 100<<10)
	require.NotContains(t, body, "http://", "the page must not need another server")
	require.NotContains(t, body, "https://", "the page must not need another server")
	code, _, _ = get(t, at+"other")
	require.Equal(t, http.StatusNotFound, code)
	r, err := http.Post(at, "text/plain", nil)
	require.NoError(t, err)
	r.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, r.StatusCode)
}

func TestSampleIsStats(t *testing.T) {
	s := open(t)
	for range 10 {
		require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
	}
	var e tsync.Event
	x := s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("waits"))
	testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting && s.Stats().Sleeping == 2 })
	st := s.Stats() // exact, because all workers sleep
	got := decode[Sample](t, serve(t, Handler(s, Name("it"), AllowPause()))+"api/v1/sample")
	require.True(t, got.MayPause)
	require.Len(t, got.Schedulers, 1)
	g := got.Schedulers[0]
	assert.Equal(t, "it", g.Name)
	assert.Equal(t, st.Spawned, g.Spawned)
	assert.Equal(t, st.Finished, g.Finished)
	assert.Equal(t, st.Dispatches, g.Dispatches)
	assert.Equal(t, st.Parks, g.Parks)
	assert.Zero(t, g.Refused)
	assert.Equal(t, 1, g.Live)
	assert.Equal(t, 0, g.Running)
	assert.Equal(t, 2, g.Sleeping)
	require.Len(t, g.Workers, 2)
	for i, w := range g.Workers {
		w.BusyMS, w.IdleMS = 0, 0
		assert.Equal(t, Worker{Dispatches: st.PerWorker[i].Dispatches, Finished: st.PerWorker[i].Finished, Stolen: st.PerWorker[i].Stolen}, w)
	}
	e.Set()
}

// Submissions to a scheduler that is closed show.
func TestSampleShowsRefusals(t *testing.T) {
	s := open(t)
	require.NoError(t, s.Close())
	s.Go(func(*task.Ctx) {})
	got := decode[Sample](t, serve(t, Handler(s))+"api/v1/sample")
	require.EqualValues(t, 1, got.Schedulers[0].Refused)
}

func TestSampleShowsWhatRuns(t *testing.T) {
	s := open(t)
	at := serve(t, Handler(s))
	release := make(chan struct{})
	x := s.Go(func(*task.Ctx) { <-release }, task.Name("<b>blocks</b>"))
	testkit.Until(t, "it runs", func() bool { return x.State() == task.Running })
	g := decode[Sample](t, at+"api/v1/sample").Schedulers[0]
	assert.Equal(t, 1, g.Running)
	var names []string
	for _, w := range g.Workers {
		if w.Runs {
			names = append(names, w.Task)
		}
	}
	assert.Equal(t, []string{"<b>blocks</b>"}, names)
	_, body, _ := get(t, at+"api/v1/sample")
	assert.NotContains(t, body, "<b>", "names are escaped")
	close(release)
}

func TestTasks(t *testing.T) {
	s := open(t)
	at := serve(t, Handler(s)) + "api/v1/tasks?"
	ch := tsync.NewChan[int](0)
	var e tsync.Event
	for range 3 {
		s.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) }, task.Name("reader"), task.Priority(task.High))
	}
	for range 4 {
		s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("waiter"))
	}
	var list TaskList
	testkit.Until(t, "all wait", func() bool {
		list = decode[TaskList](t, at+"state=waiting&sort=name")
		return list.Matched == 7
	})
	require.Equal(t, 7, list.Total)
	require.Len(t, list.Tasks, 7)
	for i, x := range list.Tasks {
		assert.GreaterOrEqual(t, x.WaitedMS, 0.0)
		assert.Contains(t, []int{0, 1}, x.Worker)
		assert.NotEmpty(t, x.ID)
		x.WaitedMS, x.Worker, x.ID = 0, 0, ""
		if i < 3 {
			assert.Equal(t, Task{Name: "reader", Text: "reader", State: "waiting", Level: "high", WaitsFor: "chan receive"}, x)
		} else {
			assert.Equal(t, Task{Name: "waiter", Text: "waiter", State: "waiting", Level: "normal", WaitsFor: "event"}, x)
		}
	}
	list = decode[TaskList](t, at+"limit=2&name=wait")
	require.Equal(t, 4, list.Matched)
	require.Len(t, list.Tasks, 2)
	list = decode[TaskList](t, at+"waits=chan")
	require.Equal(t, 3, list.Matched)
	list = decode[TaskList](t, at+"sort=name&reverse=1&limit=1")
	require.Equal(t, "waiter", list.Tasks[0].Name)
	one := list.Tasks[0].ID
	list = decode[TaskList](t, at+"id="+one)
	require.Equal(t, 1, list.Matched)
	require.Equal(t, one, list.Tasks[0].ID)
	list = decode[TaskList](t, at+"id=none")
	require.Equal(t, 0, list.Matched)
	list = decode[TaskList](t, at+"state=running")
	require.Equal(t, 0, list.Matched)
	require.NotNil(t, list.Tasks)
	for params, text := range map[string]string{
		"limit=0":      `limit="0": want a number from 1 to 1000`,
		"limit=many":   `limit="many"`,
		"state=asleep": `state="asleep": want runnable, running, waiting`,
		"sort=age":     `sort="age": want name, state, waited, worker`,
		"reverse=yes":  `reverse="yes": want 0 or 1`,
	} {
		code, body, _ := get(t, at+params)
		assert.Equal(t, http.StatusBadRequest, code, params)
		assert.Contains(t, body, text)
	}
	code, body, _ := get(t, at+"s=other")
	assert.Equal(t, http.StatusNotFound, code)
	assert.Contains(t, body, `there is no scheduler "other"`)
	e.Set()
	ch.Close()
}

// The longest waits come first, whatever the limit.
func TestTopOfMany(t *testing.T) {
	for limit := range 20 {
		limit++
		top := &top{order: orders["waited"]}
		for i := range 1000 {
			top.add(scheduler.TaskInfo{Waited: time.Duration(i*7919%1000) * time.Millisecond}, limit)
		}
		least := time.Hour
		for _, x := range top.tasks {
			least = min(least, x.Waited)
		}
		require.Len(t, top.tasks, limit)
		require.Equal(t, time.Duration(1000-limit)*time.Millisecond, least)
	}
}

func TestGroups(t *testing.T) {
	s := open(t)
	at := serve(t, Handler(s)) + "api/v1/groups"
	require.Equal(t, GroupList{Scheduler: "main", Groups: []Group{}}, decode[GroupList](t, at))
	a, b := tsync.NewChan[int](0), tsync.NewChan[int](0)
	cross := func(from, to *tsync.Chan[int]) func(c *task.Ctx) {
		return func(c *task.Ctx) {
			if v, _, err := from.Recv(c); err == nil {
				_ = to.Send(c, v)
			}
		}
	}
	s.Go(cross(a, b), task.Name("cross"))
	x := s.Go(cross(b, a), task.Name("cross"))
	var list GroupList
	testkit.Until(t, "the deadlock is seen", func() bool {
		list = decode[GroupList](t, at)
		return list.Deadlock
	})
	require.Equal(t, 2, list.Total)
	require.Len(t, list.Groups, 1)
	g := list.Groups[0]
	g.LeastMS, g.MostMS = 0, 0
	require.Equal(t, Group{Name: "cross", State: "waiting", Level: "normal", WaitsFor: "chan receive", Count: 2}, g)

	sleeper := s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Hour) })
	testkit.Until(t, "it sleeps", func() bool { return sleeper.State() == task.Waiting })
	require.False(t, decode[GroupList](t, at).Deadlock, "a timer will come")
	sleeper.Cancel()
	x.Cancel()
}

func TestDump(t *testing.T) {
	s := open(t)
	var e tsync.Event
	x := s.Go(func(c *task.Ctx) { _ = e.WaitContext(c) }, task.Name("waits"))
	testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting })
	at := serve(t, Handler(s))
	_, body, head := get(t, at+"api/v1/dump")
	assert.Equal(t, "text/plain; charset=utf-8", head.Get("Content-Type"))
	assert.Contains(t, body, `task "waits"`)
	_, body, _ = get(t, at+"api/v1/dump?groups=1")
	assert.Contains(t, body, `1 tasks "waits" waiting for event`)
	e.Set()
}

// events opens the stream and returns a function that reads the next sample.
func events(t testing.TB, ctx context.Context, at string) (next func() Sample) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"api/v1/events", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 1<<20)
	return func() (v Sample) {
		t.Helper()
		for in.Scan() {
			if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				require.NoError(t, json.Unmarshal([]byte(data), &v))
				return v
			}
		}
		t.Fatalf("the stream ended: %v", in.Err())
		return v
	}
}

func TestEvents(t *testing.T) {
	s, other := open(t), open(t)
	h := Handler(s, Also("other", other)).(*handler)
	at := serve(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	a, b := events(t, ctx, at), events(t, ctx, at)
	first := a()
	require.Len(t, first.Schedulers, 2)
	require.Equal(t, "other", first.Schedulers[1].Name)
	b()
	require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
	for _, next := range []func() Sample{a, b} {
		testkit.Until(t, "the task is counted", func() bool { return next().Schedulers[0].Finished == 1 })
	}
	require.False(t, a().Schedulers[0].Closed)
	s.Close()
	testkit.Until(t, "the stream goes on, and says so", func() bool { return a().Schedulers[0].Closed })
	cancel()
	testkit.Until(t, "the feed ends with its viewers", func() bool {
		h.feed.mu.Lock()
		defer h.feed.mu.Unlock()
		return len(h.feed.viewers) == 0 && h.feed.stop == nil
	})
}

func TestTooManyViewers(t *testing.T) {
	h := Handler(open(t)).(*handler)
	at := serve(t, h)
	var vs []*viewer
	for range maxViewers {
		v, ok := h.feed.join()
		require.True(t, ok)
		vs = append(vs, v)
	}
	code, body, _ := get(t, at+"api/v1/events")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, body, "32 viewers")
	for _, v := range vs {
		h.feed.leave(v)
	}
	ctx, cancel := context.WithCancel(t.Context())
	events(t, ctx, at)()
	cancel()
}

// A viewer that fetches nothing gets the latest sample, and holds up none of the others.
func TestSlowViewer(t *testing.T) {
	n := 0
	f := &feed{read: func() Sample { n++; return Sample{At: int64(n)} }}
	f.viewers = map[*viewer]struct{}{}
	slow, fast := &viewer{make(chan []byte, 1)}, &viewer{make(chan []byte, 1)}
	f.viewers[slow], f.viewers[fast] = struct{}{}, struct{}{}
	for i := range 100 {
		f.publish()
		require.Contains(t, string(<-fast.next), `"at":`)
		require.Equal(t, i+1, n)
	}
	var last Sample
	require.NoError(t, json.Unmarshal(<-slow.next, &last))
	require.EqualValues(t, 100, last.At)
}

func TestPause(t *testing.T) {
	post := func(at, header string) int {
		r, err := http.NewRequest(http.MethodPost, at, nil)
		require.NoError(t, err)
		if header != "" {
			r.Header.Set(header, "1")
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	s := open(t)
	readOnly := serve(t, Handler(s))
	require.Equal(t, http.StatusForbidden, post(readOnly+"api/v1/pause", "Heddle-Control"))
	at := serve(t, Handler(s, AllowPause()))
	require.Equal(t, http.StatusForbidden, post(at+"api/v1/pause", ""))
	require.False(t, s.Stats().Paused)
	code, _, _ := get(t, at+"api/v1/pause")
	require.Equal(t, http.StatusMethodNotAllowed, code)
	require.Equal(t, http.StatusOK, post(at+"api/v1/pause", "Heddle-Control"))
	x := s.Go(func(*task.Ctx) {})
	require.True(t, decode[Sample](t, at+"api/v1/sample").Schedulers[0].Paused)
	require.Equal(t, task.Runnable, x.State())
	require.Equal(t, http.StatusOK, post(at+"api/v1/resume", "Heddle-Control"))
	require.NoError(t, x.Wait())
	s.Close()
	require.Equal(t, http.StatusConflict, post(at+"api/v1/pause", "Heddle-Control"))
}

func TestRecordings(t *testing.T) {
	h := Handler(open(t)).(*handler)
	at := serve(t, h)
	code, body, _ := get(t, at+"api/v1/profile?seconds=61")
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, body, `seconds="61": want a number from 1 to 60`)
	h.tracing <- struct{}{}
	code, _, _ = get(t, at+"api/v1/trace")
	require.Equal(t, http.StatusConflict, code)
	<-h.tracing
	code, body, head := get(t, at+"api/v1/profile?seconds=1")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, `attachment; filename="heddle.cpu.pprof"`, head.Get("Content-Disposition"))
	require.True(t, strings.HasPrefix(body, "\x1f\x8b"), "a profile is gzipped")
	code, body, _ = get(t, at+"api/v1/trace?seconds=1")
	require.Equal(t, http.StatusOK, code)
	require.True(t, strings.HasPrefix(body, "go 1."), "a trace says which version of Go wrote it")
	code, _, _ = get(t, at+"api/v1/waitprofile")
	require.Equal(t, http.StatusConflict, code, "the scheduler keeps none")
	at = serve(t, Handler(open(t, scheduler.WithWaitProfile(1))))
	code, body, head = get(t, at+"api/v1/waitprofile")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, `attachment; filename="heddle.wait.pprof"`, head.Get("Content-Disposition"))
	require.True(t, strings.HasPrefix(body, "\x1f\x8b"), "a profile is gzipped")
}

// Only the parameters in the URL count, and they must be well-formed. The handler does not read the
// body of a request, which could fill the memory and the disk.
func TestParameters(t *testing.T) {
	h := Handler(open(t))
	ask := func(method, params, kind string, body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/api/v1/tasks", body)
		r.URL.RawQuery = params
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, bad := range []string{"limit=%zz", "a;b", "%"} {
		w := ask(http.MethodGet, bad, "", nil)
		require.Equal(t, http.StatusBadRequest, w.Code, bad)
		require.Contains(t, w.Body.String(), "schedhttp: invalid", bad)
	}
	form := "--x\r\nContent-Disposition: form-data; name=\"limit\"\r\n\r\n0\r\n--x--\r\n"
	for kind, text := range map[string]string{"multipart/form-data; boundary=x": form, "application/x-www-form-urlencoded": "limit=0"} {
		body := strings.NewReader(text)
		w := ask(http.MethodGet, "", kind, body)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		require.Equal(t, len(text), body.Len(), "nothing was read of it")
	}
}

func TestMisuse(t *testing.T) {
	s := open(t)
	require.PanicsWithValue(t, `schedhttp: the scheduler "main" is nil`, func() { Handler(nil) })
	require.PanicsWithValue(t, `schedhttp: the scheduler "b" is nil`, func() { Handler(s, Also("b", nil)) })
	require.PanicsWithValue(t, `schedhttp: two schedulers are called "main": give each a name of its own`, func() { Handler(s, Also("main", s)) })
	Handler(s, Option{}) // the zero Option changes nothing
}

// Whatever a client asks for, the handler answers, and with no error of its own.
func FuzzClient(f *testing.F) {
	f.Add("GET", "api/v1/tasks", "limit=3&sort=name&state=waiting")
	f.Add("GET", "api/v1/groups", "limit=-1")
	f.Add("GET", "api/v1/places", "limit=2")
	f.Add("POST", "api/v1/pause", "s=main")
	f.Add("GET", "api/v1/dump", "groups=1")
	f.Add("GET", "api/v1/waits", "limit=1001")
	f.Add("GET", "api/v1/stalls", "s=other")
	f.Add("GET", "api/v1/tasks", "id=%ff&reverse=1&sort=worker")
	f.Add("HEAD", "", "")
	f.Add("GET", "api/v1/../api/v1/sample", "s=%00")
	f.Add("DELETE", "api/v1/tasks", "sort=<script>")
	s := open(f, scheduler.WithSites())
	for range 3 {
		s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("<script>"))
	}
	h := Handler(s, Stalls(new(StallLog)))
	f.Fuzz(func(t *testing.T, method, path, params string) {
		if strings.HasSuffix(path, "events") || strings.HasSuffix(path, "profile") || strings.HasSuffix(path, "trace") {
			return // these go on until the client leaves, or for seconds
		}
		r := httptest.NewRequest(http.MethodGet, "/debug/heddle/", nil)
		r.Method = method
		r.URL.Path += path
		r.URL.RawQuery = params
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Contains(t, []int{200, 400, 403, 404, 405, 409}, w.Code, w.Body.String())
		if v, err := url.ParseQuery(params); err == nil && w.Code != 200 && v.Get("sort") == "<script>" {
			assert.NotContains(t, w.Header().Get("Content-Type"), "html")
		}
	})
}

// The tasks of a deadlock are marked, and one that only waits for them is not.
func TestDeadlock(t *testing.T) {
	s := open(t, scheduler.WithWaits())
	at := serve(t, Handler(s))
	var m [2]tsync.Mutex
	met := tsync.NewBarrier(2)
	cross := func(mine, other int) func(c *task.Ctx) {
		return func(c *task.Ctx) {
			m[mine].Lock()
			_, _ = met.WaitContext(c)
			_ = m[other].LockContext(c)
		}
	}
	s.Go(cross(0, 1), task.Name("a"))
	s.Go(cross(1, 0), task.Name("b"))
	var list TaskList
	marked := func() (names []string) {
		list = decode[TaskList](t, at+"api/v1/tasks?sort=name")
		for _, x := range list.Tasks {
			if x.Deadlock {
				names = append(names, x.Name)
			}
		}
		return names
	}
	testkit.Until(t, "the deadlock is seen", func() bool { return len(marked()) == 2 })
	c := s.Go(func(c *task.Ctx) { _ = m[0].LockContext(c) }, task.Name("c"))
	// After a and b have met, so that it does not take the place of one of them.
	d := s.Go(func(c *task.Ctx) { _, _ = met.WaitContext(c) }, task.Name("d"))
	testkit.Until(t, "all wait", func() bool { return c.State() == task.Waiting && d.State() == task.Waiting })
	require.Equal(t, []string{"a", "b"}, marked())
	by := map[string]Task{}
	for _, x := range list.Tasks {
		by[x.Name] = x
	}
	require.Len(t, by, 4)
	assert.Equal(t, "b", by["a"].Holder.Text)
	assert.Equal(t, "a", by["b"].Holder.Text)
	assert.Equal(t, "a", by["c"].Holder.Text)
	assert.Equal(t, by["a"].ID, by["c"].Holder.ID)
	assert.Equal(t, by["b"].Object, by["c"].Object)
	assert.NotEqual(t, by["a"].Object, by["b"].Object)
	assert.Nil(t, by["a"].WaitsAt, "only WithSites notes that")
}
