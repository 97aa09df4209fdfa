// Top shows in a terminal what the page of package schedhttp shows, and redraws it in place:
//
//	go run github.com/heddle-go/heddle/scheduler/schedhttp/top [-n] [-name scheduler] URL
//
// URL is where the handler is mounted, such as http://localhost:6060/debug/heddle/. With -n, or if
// its output is a file, top prints once, without control characters, and exits. Ctrl-C ends it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"time"
	"unicode"

	"github.com/heddle-go/heddle/scheduler/schedhttp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if err := run(ctx, os.Args[1:], terminal, os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "top:", err)
		os.Exit(1)
	}
}

// run is main, but gets the context, arguments and outputs from its caller.
func run(ctx context.Context, args []string, terminal bool, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("top", flag.ContinueOnError)
	f.SetOutput(stderr)
	once := f.Bool("n", false, "print once and exit")
	name := f.String("name", "", "`scheduler` to show (default: the first one)")
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: top [flags] URL\n\nURL is where schedhttp.Handler is mounted, such as http://localhost:6060/debug/heddle/.")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		f.Usage()
		return fmt.Errorf("want one URL, not %d arguments", f.NArg())
	}
	base, err := url.Parse(f.Arg(0))
	if err != nil || base.Host == "" {
		return fmt.Errorf("%q is no URL such as http://localhost:6060/debug/heddle/", f.Arg(0))
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	c := client{base: base, name: *name}
	var before schedhttp.Scheduler
	at := int64(0)
	return c.events(ctx, func(s schedhttp.Sample) (more bool, err error) {
		now, err := c.pick(s)
		if err != nil {
			return false, err
		}
		if at == 0 || s.At-at < 1000 && !*once && terminal {
			if at == 0 {
				before, at = now, s.At
			}
			return true, nil // a rate needs a second
		}
		groups, err := c.groups(ctx, now.Name)
		if err != nil {
			return false, err
		}
		waits, err := c.waits(ctx, now.Name)
		if err != nil {
			return false, err
		}
		text := render(now, before, time.Duration(s.At-at)*time.Millisecond, groups, waits)
		if *once || !terminal {
			_, err := io.WriteString(stdout, text)
			return false, err
		}
		before, at = now, s.At
		_, err = io.WriteString(stdout, screen(text))
		return true, err
	})
}

// A client reads from one handler.
type client struct {
	base *url.URL
	name string
}

func (c client) get(ctx context.Context, path string) (*http.Response, error) {
	at, err := c.base.Parse(path)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return nil, fmt.Errorf("%s: %s: %s", at, resp.Status, strings.TrimSpace(string(text)))
	}
	return resp, nil
}

// events calls f with each sample, until f reports false or fails, or ctx ends.
func (c client) events(ctx context.Context, f func(s schedhttp.Sample) (more bool, err error)) error {
	resp, err := c.get(ctx, "api/v1/events")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		data, ok := strings.CutPrefix(in.Text(), "data: ")
		if !ok {
			continue
		}
		var s schedhttp.Sample
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			return fmt.Errorf("a sample: %w", err)
		}
		if more, err := f(s); err != nil || !more {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil // Ctrl-C
	}
	if err := in.Err(); err != nil {
		return err
	}
	return errors.New("the process has gone")
}

func (c client) pick(s schedhttp.Sample) (schedhttp.Scheduler, error) {
	var names []string
	for _, one := range s.Schedulers {
		if c.name == "" || one.Name == c.name {
			return one, nil
		}
		names = append(names, one.Name)
	}
	return schedhttp.Scheduler{}, fmt.Errorf("-name %s: the schedulers are %s", c.name, strings.Join(names, ", "))
}

func (c client) groups(ctx context.Context, name string) (list schedhttp.GroupList, err error) {
	return list, c.decode(ctx, "api/v1/groups?limit=15&s="+url.QueryEscape(name), &list)
}

func (c client) waits(ctx context.Context, name string) (list schedhttp.WaitList, err error) {
	return list, c.decode(ctx, "api/v1/waits?limit=1&s="+url.QueryEscape(name), &list)
}

func (c client) decode(ctx context.Context, path string, to any) error {
	resp, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(to)
}

// render writes the screen: s, with the rates since before, a sample that is older by d.
func render(s, before schedhttp.Scheduler, d time.Duration, groups schedhttp.GroupList, waits schedhttp.WaitList) string {
	var b strings.Builder
	rate := func(now, then uint64) float64 { return float64(now-then) / max(d.Seconds(), 1e-3) }
	phase := ""
	switch {
	case s.Closed:
		phase = ", closed"
	case s.Paused:
		phase = ", paused"
	}
	fmt.Fprintf(&b, "%s: %d tasks, %d running, %d queued; %d of %d workers asleep%s\n",
		clean(s.Name), s.Live, s.Running, s.Queued, s.Sleeping, len(s.Workers), phase)
	fmt.Fprintf(&b, "a second: %.0f dispatches, %.0f finished, %.0f parks, %.0f stolen; %d timers, %d blocking calls\n",
		rate(s.Dispatches, before.Dispatches), rate(s.Finished, before.Finished), rate(s.Parks, before.Parks),
		rate(s.Stolen, before.Stolen), s.Timers, s.CallsRunning)
	if l := s.Latencies; l != nil {
		over := "since it began"
		if l.OverMS != 0 {
			over = fmt.Sprintf("of the last %v", (time.Duration(l.OverMS) * time.Millisecond).Round(100*time.Millisecond))
		}
		fmt.Fprintf(&b, "p50 / p99 / p99.9 %s: queue %s, dispatch %s, timers %s, wakes %s\n",
			over, quantiles(l.Queue), quantiles(l.Dispatch), quantiles(l.Timers), quantiles(l.Wakes))
	}
	for _, circle := range waits.Cycles {
		b.WriteString("DEADLOCK: ")
		for _, t := range circle {
			fmt.Fprintf(&b, "%.40s -> ", clean(t.Text))
		}
		fmt.Fprintf(&b, "%.40s\n", clean(circle[0].Text))
	}
	if groups.Deadlock {
		b.WriteString("EVERY TASK WAITS: only something outside can wake one\n")
	}
	b.WriteString("\n")
	for i, w := range s.Workers[:min(len(s.Workers), 16)] {
		runs := "idle"
		if w.Runs {
			runs = orNone(w.Task)
		}
		fmt.Fprintf(&b, "worker %-3d %5d queued  %.60s\n", i, w.Queued, clean(runs))
	}
	if n := len(s.Workers) - 16; n > 0 {
		fmt.Fprintf(&b, "and %d workers more\n", n)
	}
	b.WriteString("\n  tasks  state     waits for             waited        name\n")
	for _, g := range groups.Groups {
		waited := ""
		if g.State == "waiting" {
			waited = (time.Duration(g.MostMS) * time.Millisecond).String()
		}
		fmt.Fprintf(&b, "%7d  %-8s  %-20s  %-12s  %.60s\n", g.Count, g.State, g.WaitsFor, waited, clean(orNone(g.Name)))
	}
	return b.String()
}

// screen returns what draws text over the last text in a terminal. Each line goes to its place and
// erases the rest of the old line. Nothing scrolls, whatever the size of the terminal is: it cuts
// off long lines, and draws the lines for which there is no room over each other in its last row.
func screen(text string) string {
	var b strings.Builder
	b.WriteString("\x1b[?7l") // do not wrap lines
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fmt.Fprintf(&b, "\x1b[%d;1H%s\x1b[K", i+1, line)
	}
	b.WriteString("\x1b[J\x1b[?7h") // erase what is below
	return b.String()
}

func quantiles(l schedhttp.Latency) string {
	if l.Count == 0 {
		return "-"
	}
	show := func(ms float64) string {
		d := time.Duration(ms * float64(time.Millisecond))
		unit := time.Nanosecond
		for unit*1000 <= d {
			unit *= 10 // three digits
		}
		return d.Round(unit).String()
	}
	return show(l.P50MS) + " / " + show(l.P99MS) + " / " + show(l.P999MS)
}

func orNone(name string) string {
	if name == "" {
		return "(no name)"
	}
	return name
}

// clean replaces characters that are not printable, because with them a task's name could move the
// cursor or turn the direction of the text.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}
