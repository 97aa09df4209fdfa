package cli

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Flags are the flags of a command. Beside the kinds of flag.FlagSet it has flags with a range and
// flags with a choice. Only one goroutine may use a Flags.
type Flags struct {
	*flag.FlagSet
	MaxArgs int // how many arguments may follow the flags

	checks []func() error // of the ranges, in the order of the definitions
}

// NewFlags returns the flags of a command. The synopsis is the usage line, whose first word is the
// command's name; about says in lines of its own what the command does. Errors and help go to
// stderr.
func NewFlags(synopsis, about string, stderr io.Writer) *Flags {
	name, _, _ := strings.Cut(synopsis, " ")
	f := &Flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, "usage: %s\n\n%s\n\n", synopsis, strings.TrimSpace(about))
		f.PrintDefaults()
	}
	return f
}

// IntRange defines a flag for a number from least to most, which may be math.MaxInt for no bound.
func (f *Flags) IntRange(p *int, name string, value, least, most int, usage string) {
	f.IntVar(p, name, value, usage)
	f.checks = append(f.checks, func() error { return inRange(name, *p, least, most, math.MaxInt) })
}

// DurationRange defines a flag for a duration from least to most, which may be math.MaxInt64 for no
// bound.
func (f *Flags) DurationRange(
	p *time.Duration, name string, value, least, most time.Duration, usage string,
) {
	f.DurationVar(p, name, value, usage)
	f.checks = append(f.checks, func() error { return inRange(name, *p, least, most, math.MaxInt64) })
}

func inRange[T cmp.Ordered](name string, x, least, most, unbounded T) error {
	switch {
	case x >= least && x <= most:
		return nil
	case most == unbounded:
		return fmt.Errorf("-%s %v: want %v or more", name, x, least)
	}
	return fmt.Errorf("-%s %v: want %v to %v", name, x, least, most)
}

// Choice defines a flag of f that selects one of the choices by the result of its String method. *p
// is the default.
func Choice[T fmt.Stringer](f *Flags, p *T, name, usage string, choices ...T) {
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = c.String()
	}
	last := len(names) - 1
	list := strings.Join(names[:last], ", ") + " or " + names[last]
	f.Func(name, fmt.Sprintf("%s: %s (default %v)", usage, list, *p), func(s string) error {
		for i, c := range choices {
			if s == names[i] {
				*p = c
				return nil
			}
		}
		return errors.New("want " + list)
	})
}

// Parse parses the arguments of the command line and checks the ranges. It writes an error to
// stderr, with the usage, before it returns it. If the user asked for help, the error is
// flag.ErrHelp.
func (f *Flags) Parse(args []string) error {
	if err := f.FlagSet.Parse(args); err != nil {
		return err // the flag set has written it
	}
	switch {
	case f.NArg() <= f.MaxArgs:
	case f.MaxArgs == 0:
		return f.Fail("want flags only, not %q", f.Args())
	default:
		return f.Fail("want at most %d argument, not %d: %q", f.MaxArgs, f.NArg(), f.Args())
	}
	for _, check := range f.checks {
		if err := check(); err != nil {
			return f.Fail("%w", err)
		}
	}
	return nil
}

// Fail writes an error of the command line to stderr, with the usage, and returns it.
func (f *Flags) Fail(format string, a ...any) error {
	err := fmt.Errorf(format, a...)
	fmt.Fprintf(f.Output(), "%s: %v\n", f.Name(), err)
	f.Usage()
	return err
}
