package schedhttp

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-go/heddle/scheduler"
)

//go:embed page.html
var page []byte

// An Option configures [Handler].
type Option struct{ apply func(h *handler) }

// Name names the scheduler that Handler was given. The default is "main".
func Name(name string) Option { return Option{func(h *handler) { h.sources[0].name = name }} }

// Also shows a further scheduler under a name of its own. Handler panics if two schedulers have the
// same name, or s is nil.
func Also(name string, s *scheduler.Scheduler) Option {
	return Option{func(h *handler) { h.sources = append(h.sources, source{name, s}) }}
}

// AllowPause allows viewers to pause and resume the schedulers.
func AllowPause() Option { return Option{func(h *handler) { h.mayPause = true }} }

// Stalls makes the page show the stalls in l.
func Stalls(l *StallLog) Option { return Option{func(h *handler) { h.stalls = l }} }

// A source is a scheduler that the page shows.
type source struct {
	name string
	s    *scheduler.Scheduler
}

type handler struct {
	sources  []source
	mayPause bool
	stalls   *StallLog    // nil: none
	seed     maphash.Seed // of the tasks' ids
	feed     feed
	lists    chan struct{} // holds a token for each list that is read or sent
	listing  chan struct{} // holds a token while tasks are listed, but not while the list is sent
	dumping  chan struct{} // holds a token while a dump is written and sent
	tracing  chan struct{} // holds a token while a profile or a trace is written
}

// Handler returns a handler that serves the page about s and the paths below it. It may be mounted
// under any path that ends in a slash. It goes on serving after s was closed.
func Handler(s *scheduler.Scheduler, opts ...Option) http.Handler {
	h := &handler{
		sources: []source{{"main", s}},
		seed:    maphash.MakeSeed(),
		lists:   make(chan struct{}, maxViewers),
		listing: make(chan struct{}, 1),
		dumping: make(chan struct{}, 1),
		tracing: make(chan struct{}, 1),
	}
	for _, o := range opts {
		if o.apply != nil {
			o.apply(h)
		}
	}
	seen := make(map[string]bool)
	for _, src := range h.sources {
		switch {
		case src.s == nil:
			panic(fmt.Sprintf("schedhttp: the scheduler %q is nil", src.name))
		case seen[src.name]:
			panic(fmt.Sprintf("schedhttp: two schedulers are called %q: give each a name of its own", src.name))
		}
		seen[src.name] = true
	}
	h.feed.read = h.reader()
	return h
}

// routes are the paths below api/v1/. The answer of a path with list stays in memory until the
// client has read it. So the handler serves at most maxViewers of these requests at a time.
var routes = map[string]struct {
	method string
	list   bool
	serve  func(h *handler, w http.ResponseWriter, r *http.Request) error
}{
	"sample": {http.MethodGet, true, (*handler).serveSample},
	"tasks":  {http.MethodGet, true, (*handler).serveTasks},
	"groups": {http.MethodGet, true, (*handler).serveGroups},
	"waits":  {http.MethodGet, true, (*handler).serveWaits},
	"places": {http.MethodGet, true, (*handler).servePlaces},
	"stalls": {http.MethodGet, true, (*handler).serveStalls},

	"events":  {http.MethodGet, false, (*handler).serveEvents},
	"dump":    {http.MethodGet, false, (*handler).serveDump},
	"profile": {http.MethodGet, false, (*handler).serveProfile},
	"trace":   {http.MethodGet, false, (*handler).serveTrace},

	"waitprofile": {http.MethodGet, true, (*handler).serveWaitProfile},

	"pause":  {http.MethodPost, false, (*handler).servePause},
	"resume": {http.MethodPost, false, (*handler).serveResume},
}

const api = "/api/v1/"

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	at := strings.LastIndex(r.URL.Path, api)
	if at < 0 {
		h.servePage(w, r)
		return
	}
	name := r.URL.Path[at+len(api):]
	route, ok := routes[name]
	switch {
	case !ok:
		http.Error(w, fmt.Sprintf("schedhttp: there is no path %s%s", api[1:], strconv.Quote(name)), http.StatusNotFound)
		return
	case r.Method != route.method && !(route.method == http.MethodGet && r.Method == http.MethodHead):
		head.Set("Allow", route.method)
		http.Error(w, fmt.Sprintf("schedhttp: %s takes %s, not %s", name, route.method, r.Method), http.StatusMethodNotAllowed)
		return
	}
	if route.list {
		if enter(r.Context(), h.lists) != nil {
			return // the client has gone
		}
		defer func() { <-h.lists }()
	}
	_, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil {
		err = route.serve(h, w, r)
	}
	if err != nil {
		code := http.StatusBadRequest
		if e, ok := err.(statusError); ok {
			code = e.code
		}
		http.Error(w, "schedhttp: "+err.Error(), code)
	}
}

// A statusError is an error with the HTTP status to answer with, if that is not 400.
type statusError struct {
	code int
	text string
}

func (e statusError) Error() string { return e.text }

func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	switch {
	case !strings.HasSuffix(r.URL.Path, "/"):
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "schedhttp: the page takes GET", http.StatusMethodNotAllowed)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	// The page contains its style and script. It may connect only to the server that it came from.
	head.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	_, _ = patient(w).Write(page)
}

// param returns a parameter of the request's URL, or "". It leaves out the parameters in the
// request's body, which r.FormValue reads into memory and temporary files.
func param(r *http.Request, name string) string { return r.URL.Query().Get(name) }

// source returns the scheduler that the parameter s names.
func (h *handler) source(r *http.Request) (source, error) {
	name := param(r, "s")
	if name == "" {
		return h.sources[0], nil
	}
	for _, src := range h.sources {
		if src.name == name {
			return src, nil
		}
	}
	return source{}, statusError{http.StatusNotFound, fmt.Sprintf("there is no scheduler %q", name)}
}

// number returns the parameter name, or def if it is absent.
func number(r *http.Request, name string, least, most, def int) (int, error) {
	text := param(r, name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s=%q: want a number from %d to %d", name, text, least, most)
	}
	return n, nil
}

// enter puts a token into gate, or gives up when ctx ends. The caller takes the token out
// afterwards.
func enter(ctx context.Context, gate chan struct{}) error {
	select {
	case gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(patient(w)).Encode(v) // fails only if the client has gone
	return nil
}

func (h *handler) serveSample(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, h.sample(nil))
}

func (h *handler) serveDump(w http.ResponseWriter, r *http.Request) error {
	src, err := h.source(r)
	if err != nil {
		return err
	}
	if err := enter(r.Context(), h.dumping); err != nil {
		return nil // the client has gone
	}
	defer func() { <-h.dumping }()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	dump := src.s.Dump
	if param(r, "groups") == "1" {
		dump = src.s.DumpGroups
	}
	_ = dump(patient(w).until(time.Now().Add(dumpTime))) // fails only if the client is gone or slow
	return nil
}

// patient returns a writer that sets a deadline for each write, so that a client that reads nothing
// holds no goroutine.
func patient(w http.ResponseWriter) patientWriter {
	return patientWriter{w: w, c: http.NewResponseController(w)}
}

// until returns p with an end: no write goes on longer than that. It bounds an answer of many
// writes, which a client could otherwise stretch by reading a little for each.
func (p patientWriter) until(end time.Time) patientWriter {
	p.end = end
	return p
}

type patientWriter struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	end time.Time // or zero
}

// Write implements [io.Writer].
func (p patientWriter) Write(b []byte) (int, error) {
	by := time.Now().Add(patience)
	if !p.end.IsZero() && p.end.Before(by) {
		by = p.end
	}
	_ = p.c.SetWriteDeadline(by) // not all writers have one
	return p.w.Write(b)
}

const (
	patience = 10 * time.Second // how long a write to a client may take
	dumpTime = 2 * time.Minute  // how long a dump may take, all its writes together
)

func (h *handler) serveProfile(w http.ResponseWriter, r *http.Request) error {
	return h.record(w, r, "heddle.cpu.pprof", pprof.StartCPUProfile, pprof.StopCPUProfile)
}

func (h *handler) serveTrace(w http.ResponseWriter, r *http.Request) error {
	return h.record(w, r, "heddle.trace", trace.Start, trace.Stop)
}

// serveWaitProfile answers with the profile of the waits so far.
func (h *handler) serveWaitProfile(w http.ResponseWriter, r *http.Request) error {
	src, err := h.source(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := src.s.WriteWaitProfile(&b); err != nil {
		return statusError{http.StatusConflict, err.Error()}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="heddle.wait.pprof"`)
	_, _ = patient(w).Write(b.Bytes()) // fails only if the client has gone
	return nil
}

// record begins a recording with start, and ends it with stop after as many seconds as the request
// says. If the client reads nothing for 10 seconds, the rest of the recording is lost, so that it
// takes no memory.
func (h *handler) record(
	w http.ResponseWriter, r *http.Request, file string, start func(w io.Writer) error, stop func(),
) error {
	seconds, err := number(r, "seconds", 1, 60, 5)
	if err != nil {
		return err
	}
	select {
	case h.tracing <- struct{}{}:
		defer func() { <-h.tracing }()
	default:
		return statusError{http.StatusConflict, "another profile or trace is being recorded: try again later"}
	}
	d := time.Duration(seconds) * time.Second
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
	if err := start(patient(w).until(time.Now().Add(d + patience))); err != nil {
		w.Header().Del("Content-Disposition")
		return statusError{http.StatusConflict, err.Error()}
	}
	defer stop()
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
	return nil
}

func (h *handler) servePause(w http.ResponseWriter, r *http.Request) error {
	src, err := h.control(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), pauseWait)
	defer cancel()
	if err := src.s.Pause(ctx); err != nil {
		return statusError{http.StatusConflict, err.Error()}
	}
	return writeJSON(w, map[string]bool{"paused": true})
}

// pauseWait is how long a request to pause waits for the tasks to give way. If they have not done
// so by then, Pause fails and the tasks go on.
const pauseWait = 2 * time.Second

func (h *handler) serveResume(w http.ResponseWriter, r *http.Request) error {
	src, err := h.control(r)
	if err != nil {
		return err
	}
	src.s.Resume()
	return writeJSON(w, map[string]bool{"paused": false})
}

// control returns the scheduler to pause or resume, if the request may do that. The request must
// have the header Heddle-Control, because a browser does not let a page of another site set it
// without this server's consent. So such a page cannot make a viewer's browser pause anything.
func (h *handler) control(r *http.Request) (source, error) {
	switch {
	case !h.mayPause:
		return source{}, statusError{http.StatusForbidden, "pausing is not allowed: pass the option AllowPause to Handler"}
	case r.Header.Get("Heddle-Control") == "":
		return source{}, statusError{http.StatusForbidden, "the header Heddle-Control is missing"}
	}
	return h.source(r)
}
