#include "textflag.h"

// room goes on in Go where Go's runtime has room. It reserves about 720 MB of addresses and ends the program where it must
// not, as below "ulimit -v" or LimitAS=. There the real run-parts takes over, if it is in its place that we were found: no
// hook runs, but every script does. What the kernel has put on the stack is in execve(2) and getauxval(3).
TEXT ·room(SB),NOSPLIT|NOFRAME,$0
	// getrlimit(RLIMIT_AS, SP-16)
	MOVL	$97, AX
	MOVL	$9, DI
	LEAQ	-16(SP), SI
	SYSCALL
	CMPQ	AX, $0
	JNE	enough
	CMPQ	-16(SP), $(1<<30)
	JHS	enough

	// argc, argv…, NULL, environ…, NULL, then pairs of a type and a value
	MOVQ	0(SP), AX
	LEAQ	8(SP), R12
	LEAQ	16(SP)(AX*8), R13
	MOVQ	R13, R14
variable:
	ADDQ	$8, R14
	CMPQ	-8(R14), $0
	JNE	variable
pair:
	MOVQ	0(R14), AX
	MOVQ	8(R14), SI
	ADDQ	$16, R14
	CMPQ	AX, $0	// AT_NULL
	JEQ	enough
	CMPQ	AX, $31	// AT_EXECFN: the path that we were executed by
	JNE	pair
	LEAQ	inFront<>(SB), DI
	MOVL	$26, CX
	CLD
	REP; CMPSB
	JNE	enough

	// execve(behind, argv, environ)
	MOVL	$59, AX
	LEAQ	behind<>(SB), DI
	MOVQ	R12, SI
	MOVQ	R13, DX
	SYSCALL
enough:
	MOVQ	R15, DX
	JMP	_rt0_amd64_linux(SB)

DATA inFront<>+0(SB)/8, $"/usr/loc"
DATA inFront<>+8(SB)/8, $"al/sbin/"
DATA inFront<>+16(SB)/8, $"run-part"
DATA inFront<>+24(SB)/8, $"s"
GLOBL inFront<>(SB), RODATA|NOPTR, $32
DATA behind<>+0(SB)/8, $"/usr/bin"
DATA behind<>+8(SB)/8, $"/run-par"
DATA behind<>+16(SB)/8, $"ts"
GLOBL behind<>(SB), RODATA|NOPTR, $24
