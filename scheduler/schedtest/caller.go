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

// root is the path of the folder of heddle's module, as the compiler wrote it into this binary.
var root = func() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "scheduler/schedtest/caller.go")
}()

// folders are the folders below root whose code is heddle's own. Their tests count as the user's
// code.
var folders = []string{"internal/", "task/", "scheduler/"}

// standard are the packages of the standard library whose frames can stand between heddle's frames
// and the user's.
var standard = []string{
	"runtime.", "iter.", "context.", "sync.", "testing.", "testing/synctest.", "internal/",
}

// caller returns the operation of heddle that the running task is in, and the place of that call in
// the user's code. The place is "" if the task's function has returned to heddle, for example when
// WaitGroup.Go counts down.
func caller() (what, where string) {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	suffix := ""
	for {
		f, more := frames.Next()
		if f.Function == module+"internal/engine.(*progress).loop" {
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

// isMachinery reports whether the frame belongs to heddle or to the standard library. It tells
// heddle's frames by their files, because a closure that is inlined, such as the loop of Chan.All,
// has the name of the function that it is inlined into.
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

// operation shortens the name of a function that users can call, such as Mutex.Lock, Chan.Send or
// tsync.Select. For all other functions it returns "".
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
