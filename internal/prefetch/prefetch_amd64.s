//go:build !race

#include "textflag.h"

// func lines(p uintptr, n int)
TEXT ·lines(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), CX
loop:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	DECQ CX
	JG   loop
	RET

// func here() (stack, record uintptr)
//
// R14 holds the goroutine's record in Go code, and the wrapper through which Go code
// calls assembly leaves it alone.
TEXT ·here(SB), NOSPLIT, $0-16
	LEAQ stack+0(FP), AX
	MOVQ AX, stack+0(FP)
	MOVQ R14, record+8(FP)
	RET
