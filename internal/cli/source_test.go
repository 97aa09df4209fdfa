package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSourceTree(t *testing.T) {
	root, err := SourceTree("", "cmd ./folder")
	require.NoError(t, err)
	require.DirExists(t, filepath.Join(root, "runtime"), "the toolchain's")

	dir := t.TempDir()
	root, err = SourceTree(dir, "")
	require.NoError(t, err)
	require.Equal(t, dir, root)
	missing := filepath.Join(dir, "missing")
	_, err = SourceTree(missing, "")
	require.EqualError(t, err, "there is no folder "+missing)
	file := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err = SourceTree(file, "")
	require.EqualError(t, err, file+" is a file: give the folder that holds it")
}

func TestUnreadable(t *testing.T) {
	err := Unreadable("a/b", &fs.PathError{Op: "open", Path: "a/b", Err: fs.ErrPermission})
	require.EqualError(t, err, "cannot read a/b: permission denied")
	require.ErrorIs(t, err, fs.ErrPermission)
	other := errors.New("other")
	require.ErrorIs(t, Unreadable("a", other), other)
}

func TestTell(t *testing.T) {
	var errs bytes.Buffer
	Tell("cmd", []error{errors.New("b"), errors.New("a")}, &errs)
	require.Equal(t, "cmd: a; going on without it\ncmd: b; going on without it\n", errs.String())
	errs.Reset()
	problems := make([]error, 13)
	for i := range problems {
		problems[i] = errors.New("x")
	}
	Tell("cmd", problems, &errs)
	require.Equal(t, 11, strings.Count(errs.String(), "\n"))
	require.Contains(t, errs.String(), "cmd: and 3 more\n")
}
