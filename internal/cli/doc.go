// Package cli has what the commands of the module share, which are the examples and the commands of
// benchmarks: flags with ranges, exit codes, a display of progress, and the files that the examples
// work on. It knows nothing of heddle, so that each example shows its use of heddle in one file of
// its own.
package cli
