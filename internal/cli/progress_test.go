package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// An output is what a test reads while a Progress writes it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

// take returns what was written since the last call.
func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.buf.Reset()
	return o.buf.String()
}

// In a bubble, the texts count the updates: a sleep of the test ends when the display waits again.
func counting() (text func() string) {
	var n atomic.Int64
	return func() string { return fmt.Sprintf("update %d", n.Add(1)) }
}

func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		p := start(&out, true, false, counting())
		time.Sleep(inPlace - 1)
		synctest.Wait()
		require.Empty(t, out.take())
		time.Sleep(1 + inPlace)
		synctest.Wait()
		require.Equal(t, "\rupdate 1\rupdate 2", out.take(), "one line, written over")
		p.Printf("%s of %d", "a line", 2)
		require.Equal(t, "\r        \ra line of 2\n", out.take(), "wiped first")
		time.Sleep(inPlace)
		synctest.Wait()
		require.Equal(t, "\rupdate 3", out.take(), "shown again below")
		p.Stop()
		require.Equal(t, "\r        \r", out.take(), "nothing is left")
		time.Sleep(time.Minute)
		require.Empty(t, out.take())
	})
}

func TestProgressInAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		p := start(&out, false, false, counting())
		time.Sleep(2*inLines + 1)
		synctest.Wait()
		require.Equal(t, "update 1\nupdate 2\n", out.take())
		p.Printf("a line")
		p.Stop()
		require.Equal(t, "a line\nupdate 3\n", out.take(), "the last state too")
	})
}

// A command that is done before the first line was due leaves the file to its result.
func TestShortProgressInAFile(t *testing.T) {
	for total, want := range map[bool]string{false: "", true: "update 1\n"} {
		synctest.Test(t, func(t *testing.T) {
			var out output
			start(&out, false, total, counting()).Stop()
			require.Equal(t, want, out.take())
		})
	}
}

// A shorter text leaves nothing of a longer one, and a text that is too long does not wrap.
func TestProgressWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out output
		texts := []string{"longer", "ab", strings.Repeat("µ", 2*columns)}
		p := start(&out, true, false, func() string {
			text := texts[0]
			texts = texts[1:]
			return text
		})
		time.Sleep(3 * inPlace)
		synctest.Wait()
		require.Equal(t, "\rlonger\rab    \r"+strings.Repeat("µ", columns), out.take())
		p.Stop()
	})
}

// A text that stays the same is written once, but again after a line that stays.
func TestProgressOfTheSameText(t *testing.T) {
	for terminal, want := range map[bool]string{
		true:  "\rsame\r    \rline\n\rsame\r    \r",
		false: "same\nline\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			var out output
			p := start(&out, terminal, false, func() string { return "same" })
			time.Sleep(time.Minute)
			synctest.Wait()
			p.Printf("line")
			time.Sleep(time.Minute)
			synctest.Wait()
			p.Stop()
			require.Equal(t, want, out.take())
		})
	}
}

func TestIsTerminal(t *testing.T) {
	require.False(t, isTerminal(&bytes.Buffer{}))
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer f.Close()
	require.False(t, isTerminal(f))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	require.False(t, isTerminal(w))
	require.NoError(t, w.Close())
	require.False(t, isTerminal(w), "a file that cannot be asked")
}

func TestCounter(t *testing.T) {
	var out bytes.Buffer
	c := Count(&out, "reading", 3, "files")
	var seen []int64
	c.OnEach(func(done int64) { seen = append(seen, done) })
	c.Add()
	c.Add()
	require.Equal(t, []int64{1, 2}, seen)
	require.EqualValues(t, 2, c.Done())
	c.Stop()
	require.Equal(t, "reading: 2 of 3 files\n", out.String())

	out.Reset()
	c = Count(&out, "hashing", 0, "files")
	c.Set(7)
	c.Stop()
	require.Equal(t, "hashing: 7 files\n", out.String())

	c = Count(io.Discard, "", 0, "")
	c.Add()
	c.Stop()
}
