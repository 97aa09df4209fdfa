//go:build !heddle_model

package atomicx

// Bodies has no use at run time. Its methods call all methods of the atomic words, so that the
// compiler puts the bodies of these methods into the export data of this package. A package that
// imports only atomicx finds the bodies nowhere else. Without Bodies, each of its atomic operations
// would be a call of a function of sync/atomic instead of one instruction. The step inline of
// .ci/run checks that there is no such call.
type Bodies struct{}

// Bool calls all methods of a Bool.
func (Bodies) Bool(x *Bool) { x.Store(x.Load()); x.CompareAndSwap(x.Swap(false), false) }

// Int32 calls all methods of an Int32.
func (Bodies) Int32(x *Int32) {
	x.Store(x.Load())
	x.CompareAndSwap(x.Swap(0), x.Add(0))
	x.And(x.Or(0))
}

// Int64 calls all methods of an Int64.
func (Bodies) Int64(x *Int64) {
	x.Store(x.Load())
	x.CompareAndSwap(x.Swap(0), x.Add(0))
	x.And(x.Or(0))
}

// Uint32 calls all methods of a Uint32.
func (Bodies) Uint32(x *Uint32) {
	x.Store(x.Load())
	x.CompareAndSwap(x.Swap(0), x.Add(0))
	x.And(x.Or(0))
}

// Uint64 calls all methods of a Uint64.
func (Bodies) Uint64(x *Uint64) {
	x.Store(x.Load())
	x.CompareAndSwap(x.Swap(0), x.Add(0))
	x.And(x.Or(0))
}
