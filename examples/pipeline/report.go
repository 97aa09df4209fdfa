package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// most is the maximum number of files of a kind that the report names.
const most = 5

func report(w io.Writer, set settings, heddle, native []*pass) {
	p := median(heddle)
	fmt.Fprintf(w, "\n%d files, %d bytes, digest of them all %x\n", len(p.sums), p.size(), p.digest[:8])
	files(w, set.root, p)

	fmt.Fprintf(w, "\nstages of the median pass of each side; busy is the part of the time that each unit worked:\n")
	fmt.Fprintf(w, "  %-20s %6s %8s %9s %9s %6s\n", "", "units", "files", "busy", "MB/s", "busy")
	for _, side := range []struct {
		name string
		p    *pass
	}{{"heddle", p}, {"goroutines", median(native)}} {
		for _, s := range side.p.stages() {
			rate := "-"
			if b := s.bytes.Load(); b > 0 {
				rate = fmt.Sprintf("%.0f", float64(b)/1e6/max(1e-9, s.busy.Load().Seconds())*float64(s.units))
			}
			fmt.Fprintf(w, "  %-10s %-9s %6d %8d %9s %9s %5.0f%%\n", side.name, s.name, s.units, s.files.Load(),
				ms(s.busy.Load()), rate, 100*s.load(side.p))
		}
		fmt.Fprintf(w, "  the slowest: %s\n", side.p.slowest().name)
	}
	fmt.Fprintf(w, "(walk counts folders. MB/s is what all units of a stage could do if nothing held them up.)\n")

	fmt.Fprintf(w, "\nthe same work, files in the file cache, GOMAXPROCS=%d, pinning=%v, channels of %d:\n", runtime.GOMAXPROCS(0), set.pinning, set.bound)
	row := func(name string, ps []*pass) {
		m := median(ps)
		all := make([]string, len(ps))
		for i, p := range ps {
			all[i] = ms(p.took)
		}
		fmt.Fprintf(w, "  %-11s %10s %8.0f files/s %7.1f MB/s   all passes: %s\n", name, ms(m.took),
			float64(len(m.sums))/m.took.Seconds(), float64(m.size())/1e6/m.took.Seconds(), strings.Join(all, ", "))
	}
	row("heddle", heddle)
	row("goroutines", native)
	fmt.Fprintf(w, "  ratio of the medians, heddle / goroutines: %.2f; both have found the same\n",
		p.took.Seconds()/median(native).took.Seconds())
}

// files prints the largest files and the duplicate files.
func files(w io.Writer, root string, p *pass) {
	name := func(s sum) string {
		if rel, err := filepath.Rel(root, s.path); err == nil {
			return rel
		}
		return s.path
	}
	large := slices.SortedFunc(slices.Values(p.sums), func(a, b sum) int { return cmp.Or(b.size-a.size, strings.Compare(a.path, b.path)) })
	fmt.Fprintf(w, "  largest:\n")
	for _, s := range large[:min(most, len(large))] {
		fmt.Fprintf(w, "    %9d bytes  %s\n", s.size, name(s))
	}
	same := map[[32]byte][]sum{}
	for _, s := range p.sums {
		if s.size > 0 {
			same[s.hash] = append(same[s.hash], s)
		}
	}
	var twins [][]sum
	extra := 0
	for _, ss := range same {
		if len(ss) > 1 {
			twins = append(twins, ss)
			extra += (len(ss) - 1) * ss[0].size
		}
	}
	waste := func(ss []sum) int { return (len(ss) - 1) * ss[0].size }
	slices.SortFunc(twins, func(a, b []sum) int {
		return cmp.Or(waste(b)-waste(a), strings.Compare(a[0].path, b[0].path))
	})
	fmt.Fprintf(w, "  contents that are there more than once: %d, %d bytes too many\n", len(twins), extra)
	for _, ss := range twins[:min(most, len(twins))] {
		fmt.Fprintf(w, "    %d x %d bytes  %s, %s%s\n", len(ss), ss[0].size, name(ss[0]), name(ss[1]),
			map[bool]string{true: ", ..."}[len(ss) > 2])
	}
}

// median returns the median pass by time. Of the two middle passes it returns the faster one.
func median(ps []*pass) *pass {
	s := slices.Clone(ps)
	slices.SortFunc(s, func(a, b *pass) int { return cmp.Compare(a.took, b.took) })
	return s[(len(s)-1)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
