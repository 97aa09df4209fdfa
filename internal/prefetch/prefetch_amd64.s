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
// This is an ABI0 function, for which R14 need not hold the goroutine's record. The thread's local storage does.
TEXT ·here(SB), NOSPLIT, $0-16
	LEAQ stack+0(FP), AX
	MOVQ AX, stack+0(FP)
	MOVQ (TLS), AX
	MOVQ AX, record+8(FP)
	RET
