package schedhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedhttp"
	"github.com/heddle-go/heddle/task"
)

// The page stands beside the service's own handlers; here a client asks for what it would show.
func Example() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	http.Handle("/debug/heddle/", schedhttp.Handler(sched))
	srv := httptest.NewServer(nil)
	defer srv.Close()

	started := make(chan struct{})
	sched.Go(func(c *task.Ctx) {
		close(started)
		_ = c.Park()
	}, task.Name("session"))
	<-started
	resp, err := http.Get(srv.URL + "/debug/heddle/api/v1/dump?groups=1")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(string(text), `"session"`))
	// Output: true
}
