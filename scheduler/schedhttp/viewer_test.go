package schedhttp

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// pipes is a listener whose connections are pipes in memory, which hold nothing that was not read.
type pipes struct {
	next chan net.Conn
	once sync.Once
	end  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.end) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// overPipes serves h over pipes until stop is called. ended gets the path of each request that h
// has answered.
func overPipes(t *testing.T, h http.Handler) (l *pipes, ended chan string, stop func()) {
	l = &pipes{next: make(chan net.Conn), end: make(chan struct{})}
	ended = make(chan string, 2*maxViewers)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		ended <- r.URL.Path
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	return l, ended, func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	}
}

// dial connects to the server and asks for path.
func (p *pipes) dial(t *testing.T, path string) net.Conn {
	ours, its := net.Pipe()
	p.next <- its
	_, err := io.WriteString(ours, "GET "+path+" HTTP/1.1\r\nHost: heddle\r\n\r\n")
	require.NoError(t, err)
	return ours
}

// The handler drops a viewer that reads nothing for ten seconds, whatever it has asked for.
// Meanwhile another viewer misses nothing: it gets a sample each quarter of a second.
func TestViewerThatNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		defer s.Close()
		for range 1000 { // for lists that fill more than the server's buffer
			s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name(strings.Repeat("long ", 20)))
		}
		h := Handler(s).(*handler)
		l, ended, stop := overPipes(t, h)
		defer stop()

		begin := time.Now()
		paths := []string{"/api/v1/events", "/api/v1/tasks", "/api/v1/dump", "/"}
		for _, path := range paths {
			defer l.dial(t, path).Close()
		}
		good := l.dial(t, "/api/v1/events")
		defer good.Close()
		samples := 0
		var last Sample
		in := bufio.NewScanner(good)
		for in.Scan() {
			if text, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				require.NoError(t, json.Unmarshal([]byte(text), &last))
				if samples++; time.Since(begin) >= 20*time.Second {
					break
				}
			}
		}
		require.NoError(t, in.Err())
		require.Equal(t, 1000, last.Schedulers[0].Live)
		require.InDelta(t, 81, samples, 1, "four times a second")
		require.Len(t, ended, len(paths), "the others have ended")
		var got []string
		for range paths {
			got = append(got, <-ended)
		}
		require.ElementsMatch(t, paths, got)
		require.NoError(t, good.Close())
		require.Equal(t, "/api/v1/events", <-ended)
		require.Empty(t, h.feed.viewers)
	})
}

// A client that reads little of a dump, again and again, holds up no list, and gets no more of the
// dump after two minutes.
func TestDumpThatIsReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		defer s.Close()
		for range 20_000 {
			s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name(strings.Repeat("long ", 20)))
		}
		h := Handler(s)
		l, ended, stop := overPipes(t, h)
		defer stop()

		begin := time.Now()
		slow := l.dial(t, "/api/v1/dump")
		defer slow.Close()
		_, err = slow.Read(make([]byte, 1))
		require.NoError(t, err, "the dump is under way")
		list := l.dial(t, "/api/v1/groups")
		defer list.Close()
		_, err = list.Read(make([]byte, 4096))
		require.NoError(t, err)
		require.Equal(t, "/api/v1/groups", <-ended)
		require.Equal(t, begin, time.Now(), "the list came at once")
		for err == nil {
			time.Sleep(time.Second)
			_, err = slow.Read(make([]byte, 8192))
		}
		require.Equal(t, "/api/v1/dump", <-ended)
		require.LessOrEqual(t, time.Since(begin), dumpTime+time.Second)
		require.Greater(t, time.Since(begin), dumpTime-patience)
	})
}

// A client of a recording that reads nothing, or a little now and then, keeps the recorder waiting
// for ten seconds, or until ten seconds after the end of the recording. Then each write fails at
// once, so nothing of the recording is kept.
func TestRecordingThatNobodyReads(t *testing.T) {
	for _, slowly := range []bool{false, true} {
		t.Run(fmt.Sprint("slowly=", slowly), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := scheduler.New(scheduler.WithWorkers(1))
				require.NoError(t, err)
				defer s.Close()
				h := Handler(s).(*handler)
				const seconds = 20
				var longest time.Duration // of one write
				var failed time.Time      // the first write that failed
				stop, stopped := make(chan struct{}), make(chan struct{})
				start := func(w io.Writer) error {
					go func() { // as runtime/trace does: it ignores errors
						defer close(stopped)
						for data := make([]byte, 64<<10); ; {
							select {
							case <-stop:
								return
							case <-time.After(10 * time.Millisecond):
							}
							begin := time.Now()
							_, err := w.Write(data)
							longest = max(longest, time.Since(begin))
							if err != nil && failed.IsZero() {
								failed = time.Now()
							}
						}
					}()
					return nil
				}
				l, ended, end := overPipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					assert.NoError(t, h.record(w, r, "x", start, func() {
						close(stop)
						<-stopped
					}))
				}))
				defer end()
				begin := time.Now()
				c := l.dial(t, fmt.Sprintf("/trace?seconds=%d", seconds))
				defer c.Close()
				for slowly && err == nil {
					_, err = c.Read(make([]byte, 1024))
					time.Sleep(time.Second)
				}
				require.Equal(t, "/trace", <-ended)
				require.LessOrEqual(t, longest, patience)
				require.False(t, failed.IsZero())
				if slowly {
					require.LessOrEqual(t, time.Since(begin), seconds*time.Second+patience+time.Second)
				} else {
					require.LessOrEqual(t, failed.Sub(begin), patience+time.Second)
					require.LessOrEqual(t, time.Since(begin), seconds*time.Second+time.Second)
				}
				require.Empty(t, h.tracing, "another client may record")
			})
		})
	}
}

// However many clients ask for lists and read nothing, the handler holds 32 of the lists in memory.
// It drops those clients, and then serves the others.
func TestListsThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		defer s.Close()
		for range 1000 {
			s.Go(func(c *task.Ctx) { _ = c.Park() })
		}
		h := Handler(s).(*handler)
		l, _, stop := overPipes(t, h)
		defer stop()
		for range maxViewers + 1 {
			defer l.dial(t, "/api/v1/tasks").Close()
			synctest.Wait()
		}
		good := l.dial(t, "/api/v1/sample")
		defer good.Close()
		synctest.Wait()
		require.Len(t, h.lists, maxViewers)
		begin := time.Now()
		_, err = good.Read(make([]byte, 1))
		require.NoError(t, err)
		require.Equal(t, patience, time.Since(begin))
		require.NoError(t, good.Close())
		time.Sleep(patience)
		synctest.Wait()
		require.Empty(t, h.lists)
	})
}
