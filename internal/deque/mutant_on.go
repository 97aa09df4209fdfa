//go:build heddle_model

package deque

// planted is the bug to run with. Tests set it between explorations.
var planted = sound
