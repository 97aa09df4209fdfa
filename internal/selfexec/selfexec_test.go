package selfexec

import (
	"context"
	"os"
	"slices"
	"testing"
)

func TestCommandPutsTheWrapperFirst(t *testing.T) {
	t.Setenv(Wrapper, "emulator -flag")
	got := Command(context.Background(), "-test.run=X").Args
	if want := []string{"emulator", "-flag", os.Args[0], "-test.run=X"}; !slices.Equal(got, want) {
		t.Errorf("with a wrapper: %q, want %q", got, want)
	}
	t.Setenv(Wrapper, "")
	got = Command(context.Background(), "-test.run=X").Args
	if want := []string{os.Args[0], "-test.run=X"}; !slices.Equal(got, want) {
		t.Errorf("without a wrapper: %q, want %q", got, want)
	}
}
