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

// A schedule is what an execution depends on besides the body and the scheduler's options: each
// choice among more than one, by its index, the seed of Rand, and of the Config the number of
// steps and the faults. Choices that are missing at the end are 0, which lets the running task go
// on.
type schedule struct {
	seed    uint64
	steps   int
	faults  Faults
	choices []int
}

// version begins the text of a schedule. What a choice means may change only with it.
const version = "v1:"

// String returns the schedule as text: the version, and in base64 the fields as numbers, the
// choices as a number of zeros and what follows them, in turns, and two bytes of a checksum.
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

// mostChoices bounds the choices of a schedule that is read.
const mostChoices = 1 << 24

// A reader takes numbers from the front of bytes.
type reader struct {
	b  []byte
	ok bool
}

// number returns the next number, which is most at most, or 0 with ok cleared.
func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most {
		r.ok, r.b = false, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// text returns the next n bytes.
func (r *reader) text(n uint64) string {
	if n > uint64(len(r.b)) {
		r.ok, r.b = false, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// parseSchedule reads what String writes.
func parseSchedule(text string) (s schedule, err error) {
	bad := func(why string) (schedule, error) {
		return schedule{}, fmt.Errorf("schedtest: schedule %q: %s: want what a failing test has printed, %s and letters",
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

// A script is the explore.Strategy that takes its choices from a list, and 0 after its end.
type script struct {
	choices []int
	at      int
	strict  bool // a choice that there is not is an error; or else it is taken modulo the number of options
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
