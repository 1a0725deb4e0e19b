#include "textflag.h"

// entry fills atStart with system calls alone, and goes on where the kernel would have begun. It leaves the stack and
// DX, which are all that the runtime looks at, as they were.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	DX, R15
	MOVQ	$1, ·atStart+0(SB)
	MOVQ	SP, ·atStart+32(SB)

	// rt_sigprocmask(SIG_BLOCK, NULL, &atStart.mask, 8)
	MOVL	$14, AX
	XORL	DI, DI
	XORL	SI, SI
	LEAQ	·atStart+8(SB), DX
	MOVL	$8, R10
	SYSCALL

	// rt_sigaction(R12, NULL, SP, 8), from the last signal to the first
	SUBQ	$32, SP
	XORL	R13, R13
	MOVL	$64, R12
signal:
	MOVL	$13, AX
	MOVL	R12, DI
	XORL	SI, SI
	MOVQ	SP, DX
	MOVL	$8, R10
	SYSCALL
	SHLQ	$1, R13
	CMPQ	0(SP), $1	// SIG_IGN
	JNE	caught
	ORQ	$1, R13
caught:
	SUBL	$1, R12
	JNZ	signal
	MOVQ	R13, ·atStart+16(SB)
	ADDQ	$32, SP

	// fcntl(R12, F_GETFD), from 2 to 0
	XORL	R13, R13
	MOVL	$2, R12
descriptor:
	MOVL	$72, AX
	MOVL	R12, DI
	MOVL	$1, SI
	SYSCALL
	SHLQ	$1, R13
	CMPQ	AX, $-9	// EBADF
	JNE	open
	ORQ	$1, R13
open:
	SUBL	$1, R12
	JGE	descriptor
	MOVQ	R13, ·atStart+24(SB)

	JMP	·room(SB)
