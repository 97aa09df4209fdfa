//go:build !heddle_model

package deque

// planted is the bug to run with. In this build it is a constant, so the compiler removes every
// branch on it.
const planted = sound
