package prefetch

// lines requests n cache lines from p on; n > 0.
func lines(p uintptr, n int)

// here returns the stack pointer and the address of the goroutine's record.
func here() (stack, record uintptr)
