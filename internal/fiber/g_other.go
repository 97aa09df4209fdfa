//go:build !(386 || amd64 || arm || arm64 || loong64 || mips || mips64 || mips64le || mipsle || ppc64 || ppc64le || riscv64 || s390x)

package fiber

// g returns a number that identifies the calling goroutine.
func g() uintptr { return number() }
