package checks

import (
	"go/ast"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"
)

// LockThread reports calls of runtime.LockOSThread and UnlockOSThread on a task.
var LockThread = &analysis.Analyzer{
	Name: "lockthread",
	Doc: `report tasks that lock their thread

A task that locks its goroutine to a thread and suspends before it unlocks it ends the process: the Go runtime says
"coro: OS thread locking must match locking at coroutine creation". One that unlocks what it has not locked takes the lock of
its worker. Where code needs a thread of its own, it needs a goroutine of its own, or a function of Ctx.Blocking.`,
	Run: func(pass *analysis.Pass) (any, error) {
		eachCall(pass, func(call *ast.CallExpr, in function) {
			if !in.on {
				return
			}
			switch name := called(pass, call, "runtime"); name {
			case "LockOSThread", "UnlockOSThread":
				pass.Reportf(call.Pos(), "runtime.%s in a task: if the task suspends while its thread is locked, the process ends; "+
					"lock in a goroutine of its own, or in a function of Ctx.Blocking", name)
			}
		})
		return nil, nil
	},
}

// IterPull reports calls of iter.Pull and iter.Pull2 on a task.
var IterPull = &analysis.Analyzer{
	Name: "iterpull",
	Doc: `report iter.Pull in tasks

A sequence of iter.Pull belongs to the thread of the worker on which it was made. If the task suspends and comes to another thread,
the next value ends the process. task.Pull and task.Pull2 do the same for tasks.`,
	Run: func(pass *analysis.Pass) (any, error) {
		eachCall(pass, func(call *ast.CallExpr, in function) {
			if !in.on {
				return
			}
			switch name := called(pass, call, "iter"); name {
			case "Pull", "Pull2":
				pass.Reportf(call.Pos(), "iter.%s in a task: if the task suspends while the sequence is half read, the process ends; "+
					"use task.%[1]s", name)
			}
		})
		return nil, nil
	},
}

// called returns the name of the function of the package path that is called, or "".
func called(pass *analysis.Pass, call *ast.CallExpr, path string) string {
	f := typeutil.StaticCallee(pass.TypesInfo, call)
	if f == nil || f.Pkg() == nil || f.Pkg().Path() != path || f.Signature().Recv() != nil {
		return ""
	}
	return f.Name()
}
