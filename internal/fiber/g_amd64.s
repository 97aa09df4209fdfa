#include "textflag.h"

// func g() uintptr
TEXT ·g(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX // not R14: an ABI0 function may find another value there
	MOVQ AX, ret+0(FP)
	RET
