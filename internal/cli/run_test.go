package cli

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errors.New("lost"), 1, "cmd: lost\n"},
		{Interrupted{"nothing is left"}, 130, "cmd: interrupted; nothing is left\n"},
		{fmt.Errorf("part 2: %w", Interrupted{"all well"}), 130, "cmd: part 2: interrupted; all well\n"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, c.code, Code("cmd", c.err, &stderr))
		require.Equal(t, c.text, stderr.String())
	}
}

func TestLimitProcs(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	for workers, want := range map[int]int{1: 1, 2: 2, 3: 3, 4: 3} {
		undo := LimitProcs(workers)
		require.Equal(t, want, runtime.GOMAXPROCS(0), "%d workers", workers)
		undo()
		require.Equal(t, 3, runtime.GOMAXPROCS(0))
	}
}
