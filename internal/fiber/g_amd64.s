#include "textflag.h"

// func g() uintptr
TEXT ·g(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX // not R14, which need not hold it in a function of ABI0
	MOVQ AX, ret+0(FP)
	RET
