package checks

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"
)

// OuterCtx reports forks, joins and the like that a task function makes with the Ctx of a function
// around it.
var OuterCtx = &analysis.Analyzer{
	Name: "outerctx",
	Doc: `report forks and joins with the Ctx of another task

Most operations act on the task that calls, whatever Ctx they are given. The methods of parallel.Func, parallel.Call and parallel.Scope,
and task.Pull, need the caller's own. A function that has a parameter of type *task.Ctx mostly runs on another task than the function
around it, so it must use that parameter. With the other one these calls panic, or, where a check would cost too much, corrupt
a worker's queue.`,
	Run: func(pass *analysis.Pass) (any, error) {
		eachCall(pass, func(call *ast.CallExpr, in function) {
			if in.task == nil || len(call.Args) == 0 {
				return
			}
			name := needsOwn(typeutil.StaticCallee(pass.TypesInfo, call))
			if name == "" {
				return
			}
			id, ok := ast.Unparen(call.Args[0]).(*ast.Ident)
			if !ok {
				return
			}
			v, ok := pass.TypesInfo.Uses[id].(*types.Var)
			if !ok || !isCtx(v.Type()) || in.task.Pos() <= v.Pos() && v.Pos() < in.task.End() {
				return
			}
			pass.Reportf(id.Pos(), "%s with %s, which is not of this function: each task uses the *task.Ctx that its own function was given",
				name, id.Name)
		})
		return nil, nil
	},
}

// needsOwn returns the name of f if its first argument has to be the Ctx of the caller, or "".
func needsOwn(f *types.Func) string {
	if f == nil || f.Pkg() == nil {
		return ""
	}
	recv := f.Signature().Recv()
	if recv == nil {
		if f.Pkg().Path() == taskPath && (f.Name() == "Pull" || f.Name() == "Pull2") {
			return "task." + f.Name()
		}
		return ""
	}
	p, ok := types.Unalias(recv.Type()).(*types.Pointer)
	if !ok {
		return ""
	}
	for _, name := range []string{"Func", "Call", "Scope"} {
		if isNamed(p.Elem(), parallelPath, name) {
			return name + "." + f.Name()
		}
	}
	return ""
}
