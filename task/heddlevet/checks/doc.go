// Package checks has analyzers for programs that use heddle. Command heddlevet runs them; other
// drivers of golang.org/x/tools/go/analysis can as well.
//
// LockErr looks at all code. The others look at task functions: functions, methods and function
// literals with a parameter of type *task.Ctx. The body of one runs on a task. A literal inside it
// without such a parameter does too if it is called where it stands or deferred. Where another one
// runs, for example that of a go statement or of Ctx.Blocking, an analyzer cannot tell, and so it
// does not look there for what only a task must not do.
package checks

import "golang.org/x/tools/go/analysis"

// All has all analyzers of the package.
var All = []*analysis.Analyzer{IterPull, LockErr, LockThread, OuterCtx}
