// Package selfexec starts the running test binary again as a subprocess, for tests of code that
// ends the process. Only tests import it.
package selfexec

import (
	"context"
	"os"
	"os/exec"
	"strings"
)

// Wrapper is the environment variable that holds the command that runs the test binary, with its
// words separated by spaces. It must hold the same command as the flag -exec of go test. A machine
// needs that command to start a binary of another architecture. If the variable is empty, Command
// starts the binary directly.
const Wrapper = "HEDDLE_TEST_EXEC"

// Emulated reports whether the test binary runs under an emulator, which takes ten to thirty times
// as long. Tests that do the same work on all architectures then do less of it.
func Emulated() bool { return os.Getenv(Wrapper) != "" }

// Command returns a command that starts the running test binary with args. If ctx ends, the
// subprocess is killed.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	words := append(strings.Fields(os.Getenv(Wrapper)), os.Args[0])
	words = append(words, args...)
	return exec.CommandContext(ctx, words[0], words[1:]...)
}
