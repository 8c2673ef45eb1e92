// SPDX-License-Identifier: GPL-2.0

#include "textflag.h"

// func frame() (lo, hi, sp, entry uintptr)
//
// Called from Go without a wrapper, as both are of one package: BP is the caller's.
TEXT ·frame(SB), NOSPLIT, $0-32
	MOVQ (TLS), AX
	MOVQ 0(AX), BX
	MOVQ BX, lo+0(FP)
	MOVQ 8(AX), BX
	MOVQ BX, hi+8(FP)
	LEAQ lo+0(FP), BX
	MOVQ BX, sp+16(FP)
	LEAQ 8(BP), BX
	MOVQ BX, entry+24(FP)
	RET
