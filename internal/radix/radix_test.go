package radix

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
)

// The keys are in the order of cmp.Compare, with differences only between -0 and +0 and among NaNs,
// and Bits is the inverse of Key.
func TestKeys(t *testing.T) {
	keys[uint8](t, []uint8{0, 1, 127, 128, 255})
	keys[uint8](t, []int8{-128, -127, -1, 0, 1, 127})
	keys[uint16](t, []uint16{0, 1, 1 << 15, 1<<16 - 1})
	keys[uint16](t, []int16{-1 << 15, -1, 0, 1, 1<<15 - 1})
	keys[uint32](t, []uint32{0, 1, 1 << 31, 1<<32 - 1})
	keys[uint32](t, []int32{math.MinInt32, -1, 0, 1, math.MaxInt32})
	keys[uint64](t, []uint64{0, 1, 1 << 63, 1<<64 - 1})
	keys[uint64](t, []int64{math.MinInt64, -1, 0, 1, math.MaxInt64})
	small, inf := math.SmallestNonzeroFloat32, float32(math.Inf(1))
	keys[uint32](t, []float32{
		math.Float32frombits(0xffffffff), math.Float32frombits(0x7fffffff),
		math.Float32frombits(0xff800001), math.Float32frombits(0x7f800001),
		-inf, -math.MaxFloat32, -1.5, -1, float32(-small), float32(math.Copysign(0, -1)),
		0, float32(small), 1, 1.5, math.MaxFloat32, inf,
	})
	inf64 := math.Inf(1)
	keys[uint64](t, []float64{
		math.Float64frombits(0xffffffffffffffff), math.Float64frombits(0x7fffffffffffffff),
		math.Float64frombits(0xfff0000000000001), math.Float64frombits(0x7ff0000000000001),
		-inf64, -math.MaxFloat64, -1.5, -1, -math.SmallestNonzeroFloat64, math.Copysign(0, -1),
		0, math.SmallestNonzeroFloat64, 1, 1.5, math.MaxFloat64, inf64,
	})
}

func keys[W Word, T cmp.Ordered](t *testing.T, xs []T) {
	o := OrderOf[W](reflect.TypeFor[T]().Kind())
	words := View[W](xs)
	for i, x := range words {
		require.Equal(t, x, o.Bits(o.Key(x)), "%T: the bits of %v", xs[i], xs[i])
		for k, y := range words {
			if want := cmp.Compare(xs[i], xs[k]); want != 0 {
				require.Equal(t, want, cmp.Compare(o.Key(x), o.Key(y)), "%T: %v and %v", xs[i], xs[i], xs[k])
			}
		}
	}
}

func TestMisuse(t *testing.T) {
	require.PanicsWithValue(t, "radix: OrderOf(string): want a kind of integers or floating-point numbers",
		func() { OrderOf[uint64](reflect.String) })
	require.PanicsWithValue(t, "radix: View of int32 as words of 8 bytes", func() { View[uint64]([]int32{1}) })
	require.PanicsWithValue(t, "radix: View of string as words of 8 bytes", func() { View[uint64]([]string{""}) })
	require.Empty(t, View[uint64]([]int64(nil)))
}

// shapes are distributions of 64 bits. Some have many equal elements, or many with the same highest
// bits, so that sortKeys has to sort by the others.
var shapes = map[string]func(i int, r *rand.Rand) uint64{
	"random":   func(_ int, r *rand.Rand) uint64 { return r.Uint64() },
	"low bits": func(_ int, r *rand.Rand) uint64 { return r.Uint64N(1000) },
	"few":      func(_ int, r *rand.Rand) uint64 { return r.Uint64N(3) * 0x9e3779b97f4a7c15 },
	"rising":   func(i int, _ *rand.Rand) uint64 { return uint64(i) * 0x0101010101010101 },
	"falling":  func(i int, _ *rand.Rand) uint64 { return -uint64(i) * 0x0101010101010101 },
	"equal":    func(int, *rand.Rand) uint64 { return 0xabcdefabcdefabcd },
	"crowded":  func(_ int, r *rand.Rand) uint64 { return r.Uint64() >> r.UintN(64) },
	"clusters": func(_ int, r *rand.Rand) uint64 { return r.Uint64N(5)<<r.UintN(64) + r.Uint64N(300) },
	"outliers": func(i int, r *rand.Rand) uint64 { return r.Uint64N(1<<20) << (i % 1000 / 999 * 44) },
}

var lengths = []int{0, 1, 2, insertionLen, insertionLen + 1, 100, 1000, 5000}

// Sort beside slices.Sort, for each type and each shape.
func TestSort(t *testing.T) {
	lengths := slices.Clone(lengths)
	if !testkit.Race {
		lengths = append(lengths, 40_000)
	}
	for _, name := range testkit.Part(slices.Sorted(maps.Keys(shapes))) {
		at := shapes[name]
		for _, n := range lengths {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			bits := make([]uint64, n)
			for i := range bits {
				bits[i] = at(i, r)
			}
			t.Run(name, func(t *testing.T) { sortAll(t, bits) })
		}
	}
}

func FuzzSort(f *testing.F) {
	for _, at := range shapes {
		r := rand.New(rand.NewPCG(1, 1))
		var seed []byte
		for i := range 100 {
			seed = binary.LittleEndian.AppendUint64(seed, at(i, r))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var bits []uint64
		for ; len(data) >= 8; data = data[8:] {
			bits = append(bits, binary.LittleEndian.Uint64(data))
		}
		sortAll(t, bits)
	})
}

func sortAll(t *testing.T, bits []uint64) {
	sortAs[uint8](t, bits, func(x uint64) uint8 { return uint8(x) })
	sortAs[uint8](t, bits, func(x uint64) int8 { return int8(x) })
	sortAs[uint16](t, bits, func(x uint64) uint16 { return uint16(x) })
	sortAs[uint16](t, bits, func(x uint64) int16 { return int16(x) })
	sortAs[uint32](t, bits, func(x uint64) uint32 { return uint32(x) })
	sortAs[uint32](t, bits, func(x uint64) int32 { return int32(x) })
	sortAs[uint32](t, bits, func(x uint64) float32 { return math.Float32frombits(uint32(x)) })
	sortAs[uint64](t, bits, func(x uint64) uint64 { return x })
	sortAs[uint64](t, bits, func(x uint64) int64 { return int64(x) })
	sortAs[uint64](t, bits, math.Float64frombits)
}

// sortAs checks the order, and that the elements are the same, bit by bit.
func sortAs[W Word, T cmp.Ordered](t *testing.T, bits []uint64, of func(x uint64) T) {
	t.Helper()
	o := OrderOf[W](reflect.TypeFor[T]().Kind())
	xs := make([]T, len(bits))
	for i, x := range bits {
		xs[i] = of(x)
	}
	all := sortedWords(View[W](xs))
	for _, there := range []bool{false, true} {
		in, buf := slices.Clone(xs), make([]T, len(xs))
		o.Sort(View[W](in), View[W](buf), there)
		out := in
		if there {
			out = buf
		}
		require.True(t, slices.IsSorted(out), "%T there=%v: not sorted", of(0), there)
		require.Equal(t, all, sortedWords(View[W](out)), "%T there=%v: other elements", of(0), there)
	}
}

func sortedWords[W Word](xs []W) []W { return slices.Sorted(slices.Values(xs)) }

// Count and Scatter distribute by the digit that Top has chosen, and keep the order within it.
func TestPass(t *testing.T) {
	o := OrderOf[uint32](reflect.Int32)
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= Digit; width++ {
		xs := make([]uint32, 500)
		for i := range xs {
			xs[i] = uint32(r.Int32N(1<<20) - 1<<18)
		}
		shift := Top(o.Differing(xs, xs[7]), width)
		require.EqualValues(t, 32-width, shift, "there are numbers of both signs")
		digit := func(x uint32) int { return int(o.Key(x) >> shift) }
		var table Table
		o.Count(xs, shift, &table)
		at := 0
		for d, n := range table {
			table[d] = at
			at += n
		}
		require.Equal(t, len(xs), at)
		out := make([]uint32, len(xs))
		o.Scatter(xs, out, shift, &table)
		slices.SortStableFunc(xs, func(a, b uint32) int { return digit(a) - digit(b) })
		require.Equal(t, xs, out)
	}
	require.Zero(t, Top(uint8(3), 5))
}

func TestOrdered(t *testing.T) {
	o := OrderOf[uint64](reflect.Int)
	for _, c := range []struct {
		xs            []int
		rises, fallen int
	}{
		{nil, 0, 0}, {[]int{5}, 1, 1}, {[]int{-1, 0, 0, 7}, 4, 1}, {[]int{7, 0, 0, -1}, 1, 4},
		{[]int{1, 1, 1}, 3, 3}, {[]int{1, 2, 1}, 2, 1}, {[]int{2, 1, 1, 2}, 1, 3},
	} {
		words := make([]uint64, len(c.xs))
		for i, x := range c.xs {
			words[i] = uint64(x)
		}
		require.Equal(t, c.rises, o.Ascending(words), "%v", c.xs)
		require.Equal(t, c.fallen, o.Falling(words), "%v", c.xs)
	}
}
