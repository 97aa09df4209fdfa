package fiber

import (
	"bytes"
	"runtime"
	"strconv"
)

// number returns the number of the calling goroutine, which is unique in the process. It takes a
// microsecond.
func number() uintptr {
	var buf [64]byte
	head := buf[:runtime.Stack(buf[:], false)] // "goroutine 12 [running]: ..."
	_, head, _ = bytes.Cut(head, []byte(" "))
	digits, _, _ := bytes.Cut(head, []byte(" "))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("fiber: runtime.Stack does not begin with the goroutine's number: " + err.Error())
	}
	return uintptr(n)
}
