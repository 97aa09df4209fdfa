package checks

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
)

const (
	taskPath     = "github.com/heddle-go/heddle/task"
	parallelPath = taskPath + "/parallel"
	tsyncPath    = taskPath + "/tsync"
)

// A function is what surrounds a call.
type function struct {
	task ast.Node // the innermost task function: an *ast.FuncDecl or *ast.FuncLit, or nil
	on   bool     // the code runs on the task of that
}

// eachCall calls f for each call in the package, with what surrounds it.
func eachCall(pass *analysis.Pass, f func(call *ast.CallExpr, in function)) {
	for _, file := range pass.Files {
		w := walker{pass: pass, f: f, here: make(map[*ast.FuncLit]bool)}
		ast.Walk(&w, file)
	}
}

// A walker goes through the code inside of one function.
type walker struct {
	pass *analysis.Pass
	f    func(call *ast.CallExpr, in function)
	in   function
	here map[*ast.FuncLit]bool // literals called where they stand; false: by a go statement
}

// Visit implements ast.Visitor.
func (w *walker) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return w.enter(n, n.Type, false)
	case *ast.FuncLit:
		return w.enter(n, n.Type, w.in.on && w.here[n])
	case *ast.GoStmt:
		if lit, ok := ast.Unparen(n.Call.Fun).(*ast.FuncLit); ok {
			w.here[lit] = false
		}
	case *ast.CallExpr:
		if lit, ok := ast.Unparen(n.Fun).(*ast.FuncLit); ok {
			if _, known := w.here[lit]; !known { // also the call of a defer statement
				w.here[lit] = true
			}
		}
		w.f(n, w.in)
	}
	return w
}

// enter returns a walker for the body of the function n. on says whether that runs on the task of
// w.in, if n is no task function.
func (w *walker) enter(n ast.Node, typ *ast.FuncType, on bool) *walker {
	in := function{w.in.task, on}
	if hasCtx(w.pass, typ) {
		in = function{n, true}
	} else if _, decl := n.(*ast.FuncDecl); decl {
		in = function{}
	}
	return &walker{w.pass, w.f, in, w.here}
}

// hasCtx reports whether functions of the type have a parameter of type *task.Ctx.
func hasCtx(pass *analysis.Pass, typ *ast.FuncType) bool {
	for _, p := range typ.Params.List {
		if isCtx(pass.TypesInfo.TypeOf(p.Type)) {
			return true
		}
	}
	return false
}

// isCtx reports whether t is *task.Ctx.
func isCtx(t types.Type) bool {
	if t == nil {
		return false
	}
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isNamed(p.Elem(), taskPath, "Ctx")
}

// isNamed reports whether t is the type with the name in the package path, or an instance of it.
func isNamed(t types.Type, path, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return false
	}
	obj := n.Origin().Obj()
	return obj.Name() == name && obj.Pkg() != nil && obj.Pkg().Path() == path
}
