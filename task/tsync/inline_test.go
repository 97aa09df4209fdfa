package tsync

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An uncontended Lock and Unlock is one CAS each, and does not look for the task that calls. That
// holds where the method is compiled into its caller, because the compiler inlines no more than the
// CAS and the call of the slow way.
func TestUncontendedInlines(t *testing.T) {
	needGo(t)
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	notes := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(line, ": can inline "); ok {
			notes[strings.TrimSpace(name)] = true
		}
	}
	for _, name := range []string{"(*Mutex).Lock", "(*Mutex).Unlock", "(*RWMutex).Unlock", "(*Once).Do"} {
		require.True(t, notes[name], "the compiler no longer inlines %s:\n%s", name, out)
	}
}
