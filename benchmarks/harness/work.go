package harness

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"go/parser"
	"go/token"
	"hash/crc32"
	"math/rand/v2"
	"strings"
)

// StepsPerMicrosecond is how many of Steps take about 1 us.
const StepsPerMicrosecond = 500

// Steps computes n steps of a chain that starts with x. The shift keeps a compiler from computing
// several steps at once, as those of other languages do with a chain of multiplications and sums.
func Steps(x uint64, n int) uint64 {
	for range n {
		x = (x^x>>32)*6364136223846793005 + 1442695040888963407
	}
	return x
}

// EncodeFile parses, compresses and encodes a file, and returns a checksum of the results.
func EncodeFile(src string) uint32 {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments)
	if err != nil {
		panic(err) // SourceFiles makes no files with errors
	}
	var out bytes.Buffer
	w, _ := flate.NewWriter(
		hex.NewEncoder(&out), flate.BestSpeed,
	) // fails only for an unknown level
	_, _ = w.Write([]byte(src)) // a buffer accepts everything
	_ = w.Close()
	return crc32.ChecksumIEEE(out.Bytes()) + uint32(len(f.Decls))
}

// SourceFiles makes n Go source files of some kilobytes. They are the same in every run.
func SourceFiles(n int) []string {
	rng := rand.New(rand.NewPCG(4, 5))
	files := make([]string, n)
	for i := range files {
		var src strings.Builder
		fmt.Fprintf(&src, "// Package p%d is made for a benchmark.\npackage p%d\n", i, i)
		for k := range 20 + rng.IntN(40) {
			fmt.Fprintf(
				&src,
				"\n// f%d adds %d up %d times.\nfunc f%d(x int) (sum int) {\n\tfor i := range %d {\n\t\tif x%%%d == i {\n\t\t\tsum += x*%d + i\n\t\t}\n\t}\n\treturn sum\n}\n",
				k,
				rng.IntN(1000),
				rng.IntN(100),
				k,
				rng.IntN(1000),
				2+rng.IntN(50),
				rng.IntN(1_000_000),
			)
		}
		files[i] = src.String()
	}
	return files
}
