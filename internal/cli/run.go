package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
)

// Main calls run with the arguments and streams of the process, and ends the process with the exit
// code that run returns. Ctrl-C ends the context; a second Ctrl-C ends the process at once.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// An Interrupted is the error of a command that has ended early because its context ended.
type Interrupted struct {
	Left string // what is true afterwards, such as "nothing was written"
}

func (e Interrupted) Error() string { return "interrupted; " + e.Left }

// Code returns the exit code for the error of a command, and writes the error to stderr after the
// command's name: 0 for nil, 130 for an Interrupted, 1 for any other.
func Code(name string, err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	if errors.As(err, new(Interrupted)) {
		return 130
	}
	return 1
}

// ParseCode returns the exit code for an error of Flags.Parse, which has written it already: 0 if
// the user asked for help, and 2 otherwise.
func ParseCode(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	return 2
}

// LimitProcs lowers GOMAXPROCS to workers if it is higher, so that no side of a comparison computes
// on more CPUs than there are workers. The function that it returns undoes that.
func LimitProcs(workers int) (undo func()) {
	old := runtime.GOMAXPROCS(0)
	if workers >= old {
		return func() {}
	}
	runtime.GOMAXPROCS(workers)
	return func() { runtime.GOMAXPROCS(old) }
}
