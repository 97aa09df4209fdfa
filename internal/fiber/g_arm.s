#include "textflag.h"

// func g() uintptr
TEXT ·g(SB), NOSPLIT, $0-4
	MOVW g, R0
	MOVW R0, ret+0(FP)
	RET
