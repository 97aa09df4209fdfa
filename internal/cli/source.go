package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// SourceTree returns the folder that a command works on: the given one or, if that is empty, the
// source of the Go toolchain. If there is no toolchain, the error gives the user hint, an example
// of a call that names a folder.
func SourceTree(given, hint string) (string, error) {
	if given != "" {
		switch info, err := os.Stat(given); {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("there is no folder %s", given)
		case err != nil:
			return "", Unreadable(given, err)
		case !info.IsDir():
			return "", fmt.Errorf("%s is a file: give the folder that holds it", given)
		}
		return given, nil
	}
	//lint:ignore SA1019 a command runs where it was built; otherwise the go command is asked
	src := filepath.Join(runtime.GOROOT(), "src")
	if isDir(src) {
		return src, nil
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err == nil {
		if src = filepath.Join(strings.TrimSpace(string(out)), "src"); isDir(src) {
			return src, nil
		}
	}
	return "", errors.New("cannot find the source of the Go toolchain: give a folder, as in " + hint)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Unreadable returns the error for a file or folder that could not be read, with its path once.
func Unreadable(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("cannot read %s: %w", path, err)
}

// Tell writes the problems in spite of which a command goes on, sorted. It writes the first ten,
// and the number of the others.
func Tell(name string, problems []error, stderr io.Writer) {
	const most = 10
	texts := make([]string, len(problems))
	for i, err := range problems {
		texts[i] = err.Error()
	}
	slices.Sort(texts)
	for i, s := range texts {
		if i == most {
			fmt.Fprintf(stderr, "%s: and %d more\n", name, len(texts)-most)
			return
		}
		fmt.Fprintf(stderr, "%s: %s; going on without it\n", name, s)
	}
}
