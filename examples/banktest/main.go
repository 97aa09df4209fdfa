// Banktest is a small bank with a bug that plain tests pass. Its tests find the bug by package
// schedtest, and README.md tells how.
//
//	go run ./examples/banktest [-days n]
//
// The program makes many transfers with the first version and with the mended one, on an ordinary
// scheduler, and counts how often the bug shows.
package main

import (
	"fmt"
	"io"
	"math"
	"os"

	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var days int
	f := cli.NewFlags("banktest [-days n]",
		"Counts how often an account is overdrawn by two transfers at once.", stderr)
	f.IntRange(&days, "days", 10_000, 1, math.MaxInt, "how often two transfers are made, a `number`")
	if err := f.Parse(args); err != nil {
		return cli.ParseCode(err)
	}
	return cli.Code("banktest", show(days, stdout), stderr)
}

func show(days int, w io.Writer) error {
	sched, err := scheduler.New()
	if err != nil {
		return err
	}
	defer sched.Close()
	for _, version := range []struct {
		name string
		transfer
	}{{"the first version", first}, {"the mended version", mended}} {
		overdrawn := 0
		err := sched.Go(func(c *task.Ctx) {
			for range days {
				if day(version.transfer) < 0 {
					overdrawn++
				}
			}
		}).Wait()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: overdrawn on %d of %d days\n", version.name, overdrawn, days)
	}
	return nil
}
