// Package selfexec starts the running test binary again as a subprocess, for tests of what ends
// the process. Only tests import it.
package selfexec

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// Wrapper is the environment variable with the command, its words separated by spaces, that runs
// the test binary: the same that go test -exec has. A machine cannot start a binary of another
// architecture by itself. If the variable is empty, the binary is started directly.
const Wrapper = "HEDDLE_TEST_EXEC"

// Emulated reports whether the test binary runs under an emulator, which takes ten to thirty times as long. Tests of
// what is the same on all architectures, only more of it, then do less.
func Emulated() bool { return os.Getenv(Wrapper) != "" }

// Command returns a command that starts the running test binary with args. When ctx ends, the
// subprocess is killed.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	words := append(strings.Fields(os.Getenv(Wrapper)), os.Args[0])
	words = append(words, args...)
	return exec.CommandContext(ctx, words[0], words[1:]...)
}
