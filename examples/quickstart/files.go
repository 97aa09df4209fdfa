package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/heddle-go/heddle/internal/cli"
)

// list returns the .go files under root. If it cannot read a folder or a link, it records a problem
// and goes on.
func list(root string) (files []string, problems []error, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return cli.Unreadable(root, err)
		case err != nil:
			problems = append(problems, cli.Unreadable(path, err))
			return nil
		case !strings.HasSuffix(path, ".go") || d.IsDir():
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				problems = append(problems, cli.Unreadable(path, err))
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
	p := cli.Count(stderr, "reading into the file cache", len(files), "files")
	defer p.Stop()
	buf := make([]byte, 1<<20)
	for _, path := range files {
		if f, err := os.Open(path); err == nil { // the pass that counts the file reports the error
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf)
			_ = f.Close()
		}
		p.Add()
	}
}
