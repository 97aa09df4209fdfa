package schedtest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"time"
)

// A schedule has all that an execution depends on, except the body and the scheduler's options.
// choices has the index that was chosen, each time there was more than one option. seed is the seed
// of Rand. steps and faults are those of the Config. Choices that are missing at the end are 0, and
// 0 lets the running task go on.
type schedule struct {
	seed    uint64
	steps   int
	faults  Faults
	choices []int
}

// version begins the text of a schedule. If the meaning of a choice changes, the version has to
// change too.
const version = "v1:"

// String returns the schedule as text: the version, and then in base64 the fields as numbers, the
// choices, and two bytes of a checksum. Each choice that is not 0 is written as two numbers: how
// many zeros come before it, and the choice.
func (s schedule) String() string {
	b := binary.AppendUvarint(nil, s.seed)
	f := &s.faults
	for _, v := range []int64{int64(s.steps), int64(f.Most), int64(f.Delay), int64(f.Jump), int64(len(f.Cancel))} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	for _, name := range f.Cancel {
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
	}
	full := byte(0)
	if f.QueueFull {
		full = 1
	}
	b = append(b, full)
	zeros := 0
	for _, k := range s.choices {
		if k == 0 {
			zeros++
			continue
		}
		b = binary.AppendUvarint(b, uint64(zeros))
		b = binary.AppendUvarint(b, uint64(k))
		zeros = 0
	}
	return version + base64.RawURLEncoding.EncodeToString(append(b, checksum(b)...))
}

func checksum(b []byte) []byte {
	return binary.BigEndian.AppendUint16(nil, uint16(crc32.ChecksumIEEE(b)))
}

// mostChoices bounds the choices that parseSchedule accepts, so that a damaged text cannot take all
// memory.
const mostChoices = 1 << 24

// A reader takes numbers from the front of bytes.
type reader struct {
	b  []byte
	ok bool
}

// number returns the next number. If no number is left, or the number is above most, it clears ok
// and returns 0.
func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most {
		r.ok, r.b = false, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// text returns the next n bytes. If there are fewer, it clears ok and returns "".
func (r *reader) text(n uint64) string {
	if n > uint64(len(r.b)) {
		r.ok, r.b = false, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// parseSchedule is the reverse of String. It returns an error if text was not made by String.
func parseSchedule(text string) (s schedule, err error) {
	bad := func(why string) (schedule, error) {
		return schedule{}, fmt.Errorf("schedtest: schedule %q: %s: want the string that a failing test has printed, which begins with %s",
			text, why, version)
	}
	body, ok := strings.CutPrefix(strings.TrimSpace(text), version)
	if !ok {
		return bad("it does not begin with " + version)
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || len(b) < 3 {
		return bad("it is not whole")
	}
	b, sum := b[:len(b)-2], b[len(b)-2:]
	if string(checksum(b)) != string(sum) {
		return bad("it is not whole")
	}
	r := &reader{b, true}
	s.seed = r.number(math.MaxUint64)
	f := &s.faults
	s.steps, f.Most = int(r.number(math.MaxInt32)), int(r.number(math.MaxInt32))
	f.Delay, f.Jump = time.Duration(r.number(math.MaxInt64)), time.Duration(r.number(math.MaxInt64))
	for range r.number(uint64(len(b))) {
		f.Cancel = append(f.Cancel, r.text(r.number(uint64(len(b)))))
	}
	f.QueueFull = r.number(1) == 1
	for r.ok && len(r.b) > 0 {
		zeros, k := r.number(mostChoices), r.number(mostChoices)
		if len(s.choices)+int(zeros) >= mostChoices {
			r.ok = false
			break
		}
		s.choices = append(append(s.choices, make([]int, zeros)...), int(k))
	}
	if !r.ok {
		return bad("it is not whole")
	}
	return s, nil
}

// A script is the explore.Strategy that takes its choices from a list. After the end of the list it
// chooses 0.
type script struct {
	choices []int
	at      int
	strict  bool // too large a choice is an error; otherwise it counts modulo the options
}

// Begin implements explore.Strategy.
func (s *script) Begin(int) { s.at = 0 }

// Next implements explore.Strategy.
func (s *script) Next(int) bool { return false }

// Choose implements explore.Strategy.
func (s *script) Choose(options []int, _ bool, step int) (int, string) {
	return s.Pick(len(options), step)
}

// Pick implements explore.Strategy.
func (s *script) Pick(n, step int) (int, string) {
	if n < 2 || s.at >= len(s.choices) {
		return 0, ""
	}
	k := s.choices[s.at]
	s.at++
	if k < n {
		return k, ""
	}
	if s.strict {
		return 0, fmt.Sprintf("at step %d the schedule takes choice %d, but there are only %d", step, k, n)
	}
	return k % n, ""
}
