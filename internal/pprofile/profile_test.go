package pprofile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ---- A reader of its own

// A field is one field of a protocol buffer message: a number or bytes.
type field struct {
	number uint64
	value  uint64
	bytes  []byte
}

// fieldsOf splits a message into its fields. It knows the two kinds that profiles need.
func fieldsOf(t *testing.T, b []byte) (all []field) {
	t.Helper()
	varint := func() uint64 {
		v, n := binary.Uvarint(b)
		require.Positive(t, n, "a number ends too early")
		b = b[n:]
		return v
	}
	for len(b) > 0 {
		key := varint()
		f := field{number: key >> 3}
		switch key & 7 {
		case 0:
			f.value = varint()
		case 2:
			n := varint()
			require.LessOrEqual(t, n, uint64(len(b)))
			f.bytes, b = b[:n], b[n:]
		default:
			require.Fail(t, "an unknown kind of field", "%d", key&7)
		}
		all = append(all, f)
	}
	return all
}

// values returns the numbers of the fields with this number, and one those of the only one.
func values(fields []field, number uint64) (all []uint64) {
	for _, f := range fields {
		if f.number == number {
			all = append(all, f.value)
		}
	}
	return all
}

func one(t *testing.T, fields []field, number uint64) uint64 {
	t.Helper()
	all := values(fields, number)
	require.Len(t, all, 1, "field %d", number)
	return all[0]
}

// A frame is a place on a stack.
type frame struct {
	function, file string
	line           uint64
}

// A sample is what the reader finds of a Sample.
type sample struct {
	stack  []frame
	values []int64
	labels [][2]string
}

// A read is what the reader finds in a profile.
type read struct {
	types, period    []ValueType
	every, at, lasts int64
	samples          []sample
	locations        int
}

// readProfile reads a profile that Write has written. It checks that each reference leads to
// exactly one thing, and that the table of strings begins with "".
func readProfile(t *testing.T, b []byte) (p read) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	var table []string
	functions, locations := map[uint64][]field{}, map[uint64][]field{}
	all := fieldsOf(t, plain)
	for _, f := range all {
		switch f.number {
		case 4, 5:
			of := locations
			if f.number == 5 {
				of = functions
			}
			fields := fieldsOf(t, f.bytes)
			id := one(t, fields, 1)
			require.NotZero(t, id)
			require.NotContains(t, of, id)
			of[id] = fields
		case 6:
			table = append(table, string(f.bytes))
		}
	}
	require.NotEmpty(t, table)
	require.Empty(t, table[0])
	text := func(i uint64) string {
		require.Less(t, i, uint64(len(table)))
		return table[i]
	}
	valueType := func(b []byte) ValueType {
		fields := fieldsOf(t, b)
		return ValueType{text(one(t, fields, 1)), text(one(t, fields, 2))}
	}
	place := func(id uint64) frame {
		require.Contains(t, locations, id)
		var lines []field
		for _, f := range locations[id] {
			if f.number == 4 {
				lines = append(lines, fieldsOf(t, f.bytes)...)
			}
		}
		fn := one(t, lines, 1)
		require.Contains(t, functions, fn)
		f := functions[fn]
		return frame{text(one(t, f, 2)), text(one(t, f, 4)), one(t, lines, 2)}
	}
	for _, f := range all {
		switch f.number {
		case 1:
			p.types = append(p.types, valueType(f.bytes))
		case 2:
			fields := fieldsOf(t, f.bytes)
			var s sample
			for _, id := range values(fields, 1) {
				s.stack = append(s.stack, place(id))
			}
			for _, v := range values(fields, 2) {
				s.values = append(s.values, int64(v))
			}
			for _, f := range fields {
				if f.number == 3 {
					l := fieldsOf(t, f.bytes)
					s.labels = append(s.labels, [2]string{text(one(t, l, 1)), text(one(t, l, 2))})
				}
			}
			p.samples = append(p.samples, s)
		case 11:
			p.period = append(p.period, valueType(f.bytes))
		}
	}
	p.at, p.lasts, p.every = int64(one(t, all, 9)), int64(one(t, all, 10)), int64(one(t, all, 12))
	p.locations = len(locations)
	return p
}

// ---- Tests

//go:noinline
func inner() []uintptr {
	pcs := make([]uintptr, 16)
	return pcs[:runtime.Callers(1, pcs)]
}

//go:noinline
func outer() []uintptr { return inner() }

// inlined is inlined into its callers, so its frame and theirs are in one function of the binary.
func inlined() []uintptr { return inner() }

// framesOf returns the frames of a stack as package runtime finds them.
func framesOf(stack []uintptr) (all []frame) {
	fs := runtime.CallersFrames(stack)
	for {
		f, more := fs.Next()
		all = append(all, frame{f.Function, f.File, uint64(f.Line)})
		if !more {
			return all
		}
	}
}

var types = []ValueType{{"waits", "count"}, {"delay", "nanoseconds"}}

func written(t *testing.T, p *Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, p.Write(&b))
	return b.Bytes()
}

// A profile has the values, stacks and labels that were put in, in order, and what New was told.
func TestProfile(t *testing.T) {
	since := time.Now().Add(-time.Minute)
	p := New(types, 1000, since)
	a, b, c := outer(), outer(), inlined()
	p.Add(Sample{Stack: a, Values: []int64{1, 2}, Label: [2]string{"wait", "mutex"}})
	p.Add(Sample{Stack: b, Values: []int64{math.MaxInt64, 127}})
	p.Add(Sample{Stack: c, Values: []int64{0, 128}, Label: [2]string{"wait", ""}})
	p.Add(Sample{Values: []int64{-1, math.MinInt64}, Label: [2]string{"wait", "Unicode: ẞ"}})
	p.Add(Sample{Stack: a, Values: []int64{300, 1 << 40}, Label: [2]string{"wait", "mutex"}})
	got := readProfile(t, written(t, p))
	require.Equal(t, types, got.types)
	require.Equal(t, types[1:], got.period, "the period is in the unit of the last type")
	require.EqualValues(t, 1000, got.every)
	require.Equal(t, since.UnixNano(), got.at)
	require.GreaterOrEqual(t, got.lasts, int64(time.Minute))
	require.Equal(t, []sample{
		{framesOf(a), []int64{1, 2}, [][2]string{{"wait", "mutex"}}},
		{framesOf(b), []int64{math.MaxInt64, 127}, nil},
		{framesOf(c), []int64{0, 128}, [][2]string{{"wait", ""}}},
		{nil, []int64{-1, math.MinInt64}, [][2]string{{"wait", "Unicode: ẞ"}}},
		{framesOf(a), []int64{300, 1 << 40}, [][2]string{{"wait", "mutex"}}},
	}, got.samples)
	require.Contains(t, framesOf(c)[1].function, "inlined")
	places := map[uintptr]bool{}
	for _, stack := range [][]uintptr{a, b, c} {
		for _, pc := range stack {
			places[pc] = true
		}
	}
	require.Equal(t, len(places), got.locations, "each place is there once")
}

// Frames that Keep does not keep are left out of each stack, and take no room.
func TestKeep(t *testing.T) {
	p := New(types, 1, time.Now())
	asked := 0
	p.Keep = func(f *runtime.Frame) bool {
		asked++
		return strings.HasSuffix(f.Function, "pprofile.outer")
	}
	for range 2 {
		stack := outer()
		p.Add(Sample{Stack: stack, Values: []int64{1, 1}})
	}
	got := readProfile(t, written(t, p))
	want := framesOf(outer())[1]
	for _, s := range got.samples {
		require.Len(t, s.stack, 1)
		require.Equal(t, want.function, s.stack[0].function)
		require.Equal(t, want.line, s.stack[0].line)
	}
	require.Equal(t, 1, got.locations)
	require.Equal(t, len(framesOf(outer())), asked, "it is asked once for each place")
}

func TestEmptyProfile(t *testing.T) {
	got := readProfile(t, written(t, New(types[:1], 1, time.Unix(0, 0))))
	require.Equal(t, types[:1], got.types)
	require.Empty(t, got.samples)
	require.Zero(t, got.at)
}

// go tool pprof opens the profile and finds what this package's reader finds.
func TestToolReadsIt(t *testing.T) {
	p := New(types, 1000, time.Now())
	p.Add(Sample{Stack: outer(), Values: []int64{3, 70}, Label: [2]string{"wait", "mutex"}})
	p.Add(Sample{Stack: outer(), Values: []int64{4, 50}, Label: [2]string{"wait", "event"}})
	file := filepath.Join(t.TempDir(), "profile")
	require.NoError(t, os.WriteFile(file, written(t, p), 0o600))
	out, err := exec.Command("go", "tool", "pprof", "-top", "-sample_index=waits", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `(?m)^\s+7 +100% +100% +7 +100% +\S*pprofile\.inner$`, string(out))
	require.Regexp(t, `(?m)^\s+0 +0% +100% +7 +100% +\S*pprofile\.outer$`, string(out))
	out, err = exec.Command("go", "tool", "pprof", "-tags", "-sample_index=delay", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `70(\.0)?ns .*mutex`, string(out))
}

func TestAddOfTheWrongNumberOfValues(t *testing.T) {
	require.PanicsWithValue(t, "pprofile: Add of a sample with 1 values: want 2, one for each type given to New", func() {
		New(types, 1, time.Now()).Add(Sample{Values: []int64{1}})
	})
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteError(t *testing.T) {
	require.Equal(t, errBroken, New(types, 1, time.Now()).Write(broken{}))
}
