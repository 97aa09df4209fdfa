// Package pprofile writes profiles that go tool pprof opens. Package runtime/pprof would not do,
// because it writes only the runtime's own profiles, and custom profiles that count stacks and have
// no values. The file proto/profile.proto in github.com/google/pprof describes the format.
package pprofile

import (
	"compress/gzip"
	"fmt"
	"io"
	"runtime"
	"time"
)

// A ValueType names a value of the samples, and its unit.
type ValueType struct{ Type, Unit string }

// A Sample is a stack with its values.
type Sample struct {
	Stack  []uintptr // return addresses, the innermost first
	Values []int64   // one for each value type
	Label  [2]string // a key and a text; none if the key is ""
}

// A Profile collects samples.
type Profile struct {
	// Keep reports whether the profile shows frame f. If Keep is nil, the profile shows all frames.
	Keep func(f *runtime.Frame) bool

	types    []ValueType
	b        message
	strings  map[string]int64
	table    []string
	places   map[uintptr]uint64 // location ids, by return address; 0: not shown
	funcs    map[string]uint64  // function ids, by name
	lastFunc uint64
	lastLoc  uint64
}

// New returns an empty profile with values of the given types. period is the sampling period, in
// units of the last type. The profile covers the time from since to the call of New.
func New(types []ValueType, period int64, since time.Time) *Profile {
	p := &Profile{
		types: types, strings: map[string]int64{"": 0}, table: []string{""},
		places: map[uintptr]uint64{}, funcs: map[string]uint64{},
	}
	for _, t := range types {
		p.b.message(1, p.valueType(t))
	}
	p.b.number(9, uint64(since.UnixNano()))
	p.b.number(10, uint64(time.Since(since)))
	p.b.message(11, p.valueType(types[len(types)-1]))
	p.b.number(12, uint64(period))
	return p
}

func (p *Profile) valueType(t ValueType) (m message) {
	m.number(1, uint64(p.text(t.Type)))
	m.number(2, uint64(p.text(t.Unit)))
	return m
}

// Add adds a sample. It panics if the number of values is not that of the types given to New.
func (p *Profile) Add(s Sample) {
	if len(s.Values) != len(p.types) {
		panic(fmt.Sprintf("pprofile: Add of a sample with %d values: want %d, one for each type given to New",
			len(s.Values), len(p.types)))
	}
	var m message
	for _, pc := range s.Stack {
		if id := p.place(pc); id != 0 {
			m.number(1, id)
		}
	}
	for _, v := range s.Values {
		m.number(2, uint64(v))
	}
	if s.Label[0] != "" {
		var l message
		l.number(1, uint64(p.text(s.Label[0])))
		l.number(2, uint64(p.text(s.Label[1])))
		m.message(3, l)
	}
	p.b.message(2, m)
}

// place returns the id of the location of pc, or 0 if the profile does not show it.
func (p *Profile) place(pc uintptr) uint64 {
	if id, ok := p.places[pc]; ok {
		return id
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	if p.Keep != nil && !p.Keep(&f) {
		p.places[pc] = 0
		return 0
	}
	p.lastLoc++
	p.places[pc] = p.lastLoc
	var line, m message
	line.number(1, p.function(&f))
	line.number(2, uint64(f.Line))
	m.number(1, p.lastLoc)
	m.number(3, uint64(f.PC))
	m.message(4, line)
	p.b.message(4, m)
	return p.lastLoc
}

func (p *Profile) function(f *runtime.Frame) uint64 {
	if id, ok := p.funcs[f.Function]; ok {
		return id
	}
	p.lastFunc++
	p.funcs[f.Function] = p.lastFunc
	var m message
	m.number(1, p.lastFunc)
	m.number(2, uint64(p.text(f.Function)))
	m.number(3, uint64(p.text(f.Function)))
	m.number(4, uint64(p.text(f.File)))
	p.b.message(5, m)
	return p.lastFunc
}

// text returns the index of t in the table of strings.
func (p *Profile) text(t string) int64 {
	i, ok := p.strings[t]
	if !ok {
		i = int64(len(p.table))
		p.strings[t] = i
		p.table = append(p.table, t)
	}
	return i
}

// Write writes the profile, compressed. Nothing can be added afterwards.
func (p *Profile) Write(w io.Writer) error {
	for _, t := range p.table {
		p.b.bytes(6, []byte(t))
	}
	z := gzip.NewWriter(w)
	if _, err := z.Write(p.b); err != nil {
		return err
	}
	return z.Close()
}

// A message is a protocol buffer that grows.
type message []byte

const (
	wireNumber = 0
	wireBytes  = 2
)

func (m *message) varint(v uint64) {
	for ; v >= 0x80; v >>= 7 {
		*m = append(*m, byte(v)|0x80)
	}
	*m = append(*m, byte(v))
}

func (m *message) number(field, v uint64) {
	m.varint(field<<3 | wireNumber)
	m.varint(v)
}

func (m *message) bytes(field uint64, b []byte) {
	m.varint(field<<3 | wireBytes)
	m.varint(uint64(len(b)))
	*m = append(*m, b...)
}

func (m *message) message(field uint64, x message) { m.bytes(field, x) }
