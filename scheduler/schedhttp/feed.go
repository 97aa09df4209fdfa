package schedhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	interval   = 250 * time.Millisecond // between two samples
	maxViewers = 32
)

// A feed reads samples while it has viewers, and gives each of them the latest one.
type feed struct {
	read func() Sample

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	stop    chan struct{} // closed to end the goroutine that reads; nil if there is none
}

// A viewer gets samples as JSON, in next. If it has not fetched a sample when the next one comes,
// publish replaces the sample.
type viewer struct{ next chan []byte }

// join adds a viewer. It reports false if there are maxViewers already.
func (f *feed) join() (*viewer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.viewers) >= maxViewers {
		return nil, false
	}
	if f.viewers == nil {
		f.viewers = make(map[*viewer]struct{})
	}
	v := &viewer{next: make(chan []byte, 1)}
	f.viewers[v] = struct{}{}
	if f.stop == nil {
		f.stop = make(chan struct{})
		go f.run(f.stop)
	}
	return v, true
}

// leave takes v out. The last viewer to leave ends the goroutine that reads.
func (f *feed) leave(v *viewer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.viewers, v)
	if len(f.viewers) == 0 && f.stop != nil {
		close(f.stop)
		f.stop = nil
	}
}

// run reads a sample at each tick until stop is closed.
func (f *feed) run(stop chan struct{}) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		f.publish()
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// publish reads a sample and gives it to all viewers.
func (f *feed) publish() {
	b, err := json.Marshal(f.read())
	if err != nil {
		panic(err) // a Sample has nothing that JSON cannot show
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for v := range f.viewers {
		select {
		case <-v.next: // it has not fetched this one
		default:
		}
		v.next <- b // publish alone sends, under mu, so there is room
	}
}

func (h *handler) serveEvents(w http.ResponseWriter, r *http.Request) error {
	v, ok := h.feed.join()
	if !ok {
		return statusError{http.StatusServiceUnavailable, fmt.Sprintf("there are %d viewers already: close another page", maxViewers)}
	}
	defer h.feed.leave(v)
	w.Header().Set("Content-Type", "text/event-stream")
	c := http.NewResponseController(w)
	for {
		select {
		case b := <-v.next:
			_ = c.SetWriteDeadline(time.Now().Add(patience)) // not all writers have one
			if _, err := fmt.Fprintf(w, "data: %s\n\n", b); err != nil {
				return nil // the client has gone, or reads nothing
			}
			if err := c.Flush(); err != nil {
				return nil // likewise
			}
		case <-r.Context().Done():
			return nil
		}
	}
}
