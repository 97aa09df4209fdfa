//go:build !heddle_model

package deque

// planted is the bug to run with. Here it is a constant, so every branch on it is compiled away.
const planted = sound
