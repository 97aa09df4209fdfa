package checks

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/types/typeutil"
)

// LockErr reports locks, and waits for a Cond, under a context whose error is not looked at.
var LockErr = &analysis.Analyzer{
	Name: "lockerr",
	Doc: `report locks under a context whose error is dropped

LockContext and RLockContext of package tsync, and Acquire of a tsync.Semaphore, return an error if
the context ends first. Then the caller does not have the lock, and its Unlock takes the lock from
another holder. A statement that is only the call goes on as if the lock were held.

WaitContext of a tsync.Cond holds the lock when it returns an error. But then the loop around it, which waits
for a condition, does not wait any more, and runs until the condition holds.`,
	Run: func(pass *analysis.Pass) (any, error) {
		for _, file := range pass.Files {
			ast.Inspect(file, func(n ast.Node) bool {
				var call *ast.CallExpr
				switch n := n.(type) {
				case *ast.ExprStmt:
					call, _ = ast.Unparen(n.X).(*ast.CallExpr)
				case *ast.DeferStmt:
					call = n.Call
				case *ast.GoStmt:
					call = n.Call
				}
				if call == nil {
					return true
				}
				switch name := locksUnder(typeutil.StaticCallee(pass.TypesInfo, call)); name {
				case "":
				case "Cond.WaitContext":
					pass.Reportf(call.Pos(), "the error of %s is dropped: once the context has ended, a loop around the call does not wait any more", name)
				default:
					pass.Reportf(call.Pos(), "the error of %s is dropped: if the context ends first, the caller does not hold the lock", name)
				}
				return true
			})
		}
		return nil, nil
	},
}

// locksUnder returns the name of f if f takes a lock of package tsync, or waits for a Cond, under a
// context. Otherwise it returns "".
func locksUnder(f *types.Func) string {
	if f == nil || f.Signature().Recv() == nil {
		return ""
	}
	p, ok := types.Unalias(f.Signature().Recv().Type()).(*types.Pointer)
	if !ok {
		return ""
	}
	if isNamed(p.Elem(), tsyncPath, "Cond") && f.Name() == "WaitContext" {
		return "Cond.WaitContext"
	}
	for _, typ := range []string{"Mutex", "RWMutex", "KeyedMutex", "Semaphore"} {
		if !isNamed(p.Elem(), tsyncPath, typ) {
			continue
		}
		switch f.Name() {
		case "LockContext", "RLockContext", "Acquire":
			return typ + "." + f.Name()
		}
	}
	return ""
}
