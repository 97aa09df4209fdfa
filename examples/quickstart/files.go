package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// sourceTree returns the given folder, or the source of the Go toolchain if none is given.
func sourceTree(given string) (string, error) {
	if given != "" {
		switch info, err := os.Stat(given); {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("there is no folder %s", given)
		case err != nil:
			return "", unreadable(given, err)
		case !info.IsDir():
			return "", fmt.Errorf("%s is a file: give the folder that holds it", given)
		}
		return given, nil
	}
	//lint:ignore SA1019 where the program was built is where the example runs; otherwise the go command is asked
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
	return "", errors.New("cannot find the source of the Go toolchain: give a folder with .go files, as in quickstart ./some/folder")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// list returns the .go files under root. If it cannot read a folder or a link, it records a problem
// and goes on.
func list(root string) (files []string, problems []error, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return unreadable(root, err)
		case err != nil:
			problems = append(problems, unreadable(path, err))
			return nil
		case !strings.HasSuffix(path, ".go") || d.IsDir():
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				problems = append(problems, unreadable(path, err))
				return nil
			}
			d = fs.FileInfoToDirEntry(info)
		}
		if d.Type().IsRegular() {
			files = append(files, path)
		}
		return nil
	})
	return files, problems, err
}

// warm reads all files once, so that no timed pass waits for the disk.
func warm(files []string, stderr io.Writer) {
	p := newProgress(stderr, "reading into the file cache", len(files), "files")
	defer p.stop()
	buf := make([]byte, 1<<20)
	for _, path := range files {
		if f, err := os.Open(path); err == nil { // the pass that reads the file reports the error
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf)
			_ = f.Close()
		}
		p.done.Add(1)
	}
}
