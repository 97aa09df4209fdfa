package look

import (
	"runtime"
	"strings"
	"sync"

	"github.com/heddle-go/heddle/internal/rt"
)

// UserStack stores the caller's stack in s, without the frames of this library at its inner end.
// The frames that it drops have taken room in s first, so of a deep stack s holds fewer frames than
// it has room for.
func UserStack(s *rt.Stack) {
	n := runtime.Callers(2, s[:])
	first := 0
	for first < n && ours(s[first]) {
		first++
	}
	copy(s[:], s[first:n])
	clear(s[n-first:])
}

// Frame returns the function, file and line of pc. The fields are zero if pc is 0.
func Frame(pc uintptr) (f runtime.Frame) {
	if pc != 0 {
		f, _ = runtime.CallersFrames([]uintptr{pc}).Next()
	}
	return f
}

// StacksOf returns where the task of h was started, and if it waits, where. Both are empty if it
// has not noted that, or has ended.
func StacksOf(h rt.Handle) (started, waits []runtime.Frame) {
	x := h.Task().Extra()
	if x == nil || x.Look == nil || x.Look.Stacks == nil {
		return nil, nil
	}
	stack := x.Look.WaitStack()
	if !h.Task().Status().Live(h.Gen()) {
		return nil, nil // x may be of the descriptor's next task
	}
	return framesOf(&x.Look.Stacks.Started), framesOf(&stack)
}

// framesOf returns the frames of s that profiles show.
func framesOf(s *rt.Stack) (frames []runtime.Frame) {
	for _, pc := range s {
		if pc == 0 {
			break
		}
		if f := Frame(pc); shownFrame(&f) {
			frames = append(frames, f)
		}
	}
	return frames
}

// known caches the results of ours. It has at most as many entries as the program's code has calls.
var known sync.Map // from uintptr to bool

// ours reports whether the return address pc is in this library.
func ours(pc uintptr) bool {
	if v, ok := known.Load(pc); ok {
		return v.(bool)
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	v := oursIs(f.Function) || fileIsOurs(f.File)
	known.Store(pc, v)
	return v
}

// oursIs reports whether the function belongs to this library, or to the packages runtime and iter,
// through which this library calls users' functions.
func oursIs(function string) bool {
	dir, name := "", function
	if i := strings.LastIndexByte(function, '/'); i >= 0 {
		dir, name = function[:i+1], function[i+1:]
	}
	pkg, _, _ := strings.Cut(name, ".")
	path, ok := strings.CutPrefix(dir+pkg, modulePath)
	if !ok {
		return dir == "" && (pkg == "runtime" || pkg == "iter")
	}
	return dirIsOurs(path)
}

// dirIsOurs reports whether the folder of the module holds a package of this library.
func dirIsOurs(path string) bool {
	switch path {
	case "scheduler", "task", "task/tsync", "task/parallel":
		return true
	}
	return strings.HasPrefix(path, "internal/")
}

// fileIsOurs reports whether the file is one of this library. If the compiler inlines a function of
// the library into a user's, the closures in it get names in the user's package. Only their file
// tells whose they are.
func fileIsOurs(file string) bool {
	path, ok := strings.CutPrefix(file, moduleRoot)
	at := strings.LastIndexByte(path, '/')
	return ok && at >= 0 && dirIsOurs(path[:at]) && !strings.HasSuffix(path, "_test.go")
}

// moduleRoot is where the files of the module were when it was compiled, with a slash at the end.
var moduleRoot = func() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "internal/look/sites.go")
}()

// modulePath is the path of the module, with a slash at the end.
const modulePath = "github.com/heddle-go/heddle/"

// shownFrame reports whether profiles show f. Of this library they show the functions that users
// call, but not the worker's code above and below a task's code.
func shownFrame(f *runtime.Frame) bool {
	path, ok := strings.CutPrefix(f.Function, modulePath)
	if !ok {
		return !fileIsOurs(f.File) && !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "iter.")
	}
	if !oursIs(f.Function) {
		return !fileIsOurs(f.File)
	}
	if strings.HasPrefix(path, "internal/") || strings.HasPrefix(path, "scheduler.") {
		return false
	}
	_, name, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
	for part := range strings.SplitSeq(strings.ReplaceAll(name, "[...]", ""), ".") {
		if part = strings.TrimLeft(part, "(*"); part == "" || part[0] < 'A' || part[0] > 'Z' {
			return false
		}
	}
	return true
}
