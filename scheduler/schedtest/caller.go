package schedtest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// module is the path of heddle's module.
const module = "github.com/heddle-go/heddle/"

// root is the folder of heddle's module, as the compiler has noted it in this binary.
var root = func() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "scheduler/schedtest/caller.go")
}()

// folders are those below root whose code is not the user's, but for their tests.
var folders = []string{"internal/", "task/", "scheduler/"}

// standard are the packages of the standard library whose frames stand between heddle's and the
// user's.
var standard = []string{
	"runtime.", "iter.", "context.", "sync.", "testing.", "testing/synctest.", "internal/",
}

// caller returns the operation of heddle's that the running task is in, and the place of the call
// in the user's code, or "" if the user's code has returned: a WaitGroup counts a task down after
// that.
func caller() (what, where string) {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	suffix := ""
	for {
		f, more := frames.Next()
		if f.Function == module+"scheduler.(*loopFiber).loop" {
			if what == "" {
				what = "returns"
			}
			return what, ""
		}
		if !isMachinery(f) {
			return what, fmt.Sprintf("%s:%d", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		if strings.HasPrefix(f.Function, module) {
			if op := operation(f.Function); op != "" {
				what = op + suffix
			}
			if strings.HasSuffix(f.Function, "(*directed).Spawn") {
				suffix = " returns"
			}
		}
		if !more {
			return what, ""
		}
	}
}

// isMachinery reports whether the frame is not one of the user's code. For heddle's own it goes
// by the file: a closure that is inlined, as the loop of Chan.All is, has the name of the
// function that it is inlined into.
func isMachinery(f runtime.Frame) bool {
	if file, ok := strings.CutPrefix(f.File, root); ok {
		return hasPrefix(file, folders) && !strings.HasSuffix(file, "_test.go")
	}
	return hasPrefix(f.Function, standard)
}

// hasPrefix reports whether s begins with one of prefixes.
func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// operation shortens the name of a function that users can call: Mutex.Lock, Chan.Send,
// tsync.Select. Of others it returns "".
func operation(function string) string {
	s := function
	if i := strings.IndexByte(s, '['); i >= 0 {
		if k := strings.LastIndexByte(s, ']'); k > i {
			s = s[:i] + s[k+1:]
		}
	}
	s = s[strings.LastIndexByte(s, '/')+1:]
	pkg, name, _ := strings.Cut(s, ".")
	typ, method, isMethod := strings.Cut(strings.NewReplacer("(*", "", ")", "").Replace(name), ".")
	switch {
	case strings.Contains(function, "/internal/") || !exported(typ):
		return ""
	case !isMethod:
		return pkg + "." + typ
	case !exported(method) || strings.Contains(method, "."):
		return ""
	}
	return typ + "." + method
}

func exported(name string) bool { return name != "" && unicode.IsUpper(rune(name[0])) }
