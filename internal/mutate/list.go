package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// An entry is one planted bug.
type entry struct {
	name string // unique in all lists
	file string // the file to change, a slash-separated path below the module's folder
	// test holds the arguments of go test after -count 1: flags, -run and one package.
	test []string
	fast bool // the test takes less than about ten seconds
	// hang permits the time limit to kill the test, because the bug makes something wait for ever.
	hang bool
	old  string // the text to replace, which occurs exactly once in the file
	new  string // the text with the bug

	at string // list and line, for messages
}

// pkg returns the package of the entry's test.
func (e *entry) pkg() string { return e.test[len(e.test)-1] }

// split divides the arguments of the test: build are those of go test -c, run those of the binary.
func (e *entry) split() (build, run []string) {
	for i := 0; i < len(e.test)-1; i++ {
		flag := e.test[i]
		to, name := &run, "-test."+flag[1:]
		if testFlags[flag] {
			to, name = &build, flag
		}
		*to = append(*to, name)
		if !aloneFlags[flag] {
			i++
			*to = append(*to, e.test[i])
		}
	}
	return append(build, e.pkg()), run
}

// testFlags are the flags that an entry may have. The value is true for flags of the build.
var testFlags = map[string]bool{
	"-race": true, "-tags": true, "-gcflags": true, "-run": false, "-short": false, "-timeout": false, "-cpu": false,
}

// aloneFlags are the flags without a value.
var aloneFlags = map[string]bool{"-race": true, "-short": true}

// mutated returns the content of the entry's file with the bug planted. root is the module's
// folder.
func (e *entry) mutated(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", e.at, e.name, err)
	}
	before, after, _ := strings.Cut(string(b), e.old)
	if n := strings.Count(string(b), e.old); n != 1 {
		return "", fmt.Errorf("%s: %s: the old text stands %d times in %s, not once", e.at, e.name, n, e.file)
	}
	return before + e.new + after, nil
}

var (
	clause = regexp.MustCompile(`(?m)^package \w+_test$`)
	tests  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// If the entry's test is not in the external test package, spare returns the files of that package.
// Without them the compiler needs a third less time.
func (e *entry) spare(root string) (files []string, err error) {
	at := slices.Index(e.test, "-run")
	if at < 0 {
		return nil, nil
	}
	name, _, _ := strings.Cut(e.test[at+1], "/")
	run, err := regexp.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", e.at, e.name, err)
	}
	all, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(e.pkg()), "*_test.go"))
	if err != nil {
		return nil, err
	}
	inside := false // a file of the package itself has the test
	for _, file := range all {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		external := clause.Match(b)
		if external {
			files = append(files, file)
		}
		for _, m := range tests.FindAllSubmatch(b, -1) {
			switch {
			case !run.Match(m[1]):
			case external:
				return nil, nil
			default:
				inside = true
			}
		}
	}
	if !inside {
		return nil, nil // the run will report what is wrong
	}
	return files, nil
}

// readLists returns the entries of all lists, in the order of files.
func readLists(files []string) (all []*entry, err error) {
	seen := map[string]string{}
	for _, file := range files {
		es, err := readList(file)
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			if at, twice := seen[e.name]; twice {
				return nil, fmt.Errorf("%s: %s is also the name of a mutant at %s", e.at, e.name, at)
			}
			seen[e.name] = e.at
		}
		all = append(all, es...)
	}
	return all, nil
}

func readList(file string) (es []*entry, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	es, err = parse(filepath.Base(file), string(b))
	if err != nil {
		return nil, err
	}
	return es, nil
}

// parse parses a list. Between entries it ignores empty lines and lines that begin with #.
func parse(name, list string) (es []*entry, err error) {
	lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	number := 0
	next := func() string {
		number++
		return lines[number-1]
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", name, number, fmt.Sprintf(format, args...))
	}
	// block reads lines up to the line end and returns those before it.
	block := func(end string) (string, error) {
		start := number
		for number < len(lines) {
			if next() == end {
				return strings.Join(lines[start:number-1], "\n"), nil
			}
		}
		number = start
		return "", fail("no line %q ends the block that begins here", end)
	}
	var e *entry
	for number < len(lines) {
		line := next()
		switch key, value, _ := strings.Cut(line, ":"); {
		case e == nil && (line == "" || strings.HasPrefix(line, "#")):
		case key == "mutant":
			if e != nil {
				return nil, fail("mutant %s has no text", e.name)
			}
			e = &entry{name: strings.TrimSpace(value), at: fmt.Sprintf("%s:%d", name, number)}
		case e == nil:
			return nil, fail("expected a line \"mutant: name\", found %q", line)
		case key == "file":
			e.file = strings.TrimSpace(value)
		case key == "test":
			e.test = strings.Fields(value)
		case key == "speed":
			switch speed := strings.TrimSpace(value); speed {
			case "fast":
				e.fast = true
			case "slow":
			default:
				return nil, fail("speed is fast or slow, not %q", speed)
			}
		case key == "kills":
			if e.hang = strings.TrimSpace(value) == "hang"; !e.hang {
				return nil, fail("the only thing that kills can say is hang")
			}
		case line == "--- old":
			if e.old, err = block("--- new"); err != nil {
				return nil, err
			}
			if e.new, err = block("--- end"); err != nil {
				return nil, err
			}
			if err := e.complete(); err != nil {
				return nil, fail("mutant %s: %v", e.name, err)
			}
			es, e = append(es, e), nil
		default:
			return nil, fail("not a line of an entry: %q", line)
		}
	}
	if e != nil {
		return nil, fail("mutant %s has no text", e.name)
	}
	return es, nil
}

// complete returns an error if the entry lacks something.
func (e *entry) complete() error {
	switch {
	case e.name == "" || strings.ContainsAny(e.name, " \t"):
		return fmt.Errorf("the name is one word, with dashes")
	case e.file == "":
		return fmt.Errorf("no file")
	case len(e.test) == 0 || strings.HasPrefix(e.pkg(), "-") || !strings.HasPrefix(e.pkg(), "./"):
		return fmt.Errorf("test ends with a package, as in ./scheduler")
	case !slices.Contains(e.test, "-run"):
		return fmt.Errorf("test names the tests to run, with -run")
	case e.unknownFlag() != "":
		return fmt.Errorf("%s is not among the flags that test may have", e.unknownFlag())
	case e.old == "":
		return fmt.Errorf("no old text")
	case e.old == e.new:
		return fmt.Errorf("old and new text are the same")
	}
	return nil
}

func (e *entry) unknownFlag() string {
	for i := 0; i < len(e.test)-1; i++ {
		flag := e.test[i]
		if _, known := testFlags[flag]; !known {
			return flag
		}
		if !aloneFlags[flag] {
			i++
		}
	}
	return ""
}
