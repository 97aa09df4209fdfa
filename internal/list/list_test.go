package list

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/heddle-go/heddle/internal/testkit"
)

type element struct {
	Links[element]
	id int
}

// elements are as many as the lists of a test share.
const elements = 5

// world is what run changes: the lists, and beside each the slow list that it has to equal.
type world struct {
	t     testing.TB
	all   [elements]element
	lists [2]List[element]
	chain Chain[element]
	stack Stack[element]

	// The reference: the ids in each list, in order.
	wantLists [2][]int
	wantChain []int
	wantStack []int
}

// free reports whether e is in no list.
func (w *world) free(e int) bool {
	return !slices.Contains(w.wantLists[0], e) && !slices.Contains(w.wantLists[1], e) &&
		!slices.Contains(w.wantChain, e) && !slices.Contains(w.wantStack, e)
}

// taken checks that e is the element want, or nil if want is -1.
func (w *world) taken(op string, e *element, want int) {
	w.t.Helper()
	switch {
	case want < 0 && e != nil:
		w.t.Fatalf("%s: want nil, got element %d", op, e.id)
	case want >= 0 && (e == nil || e.id != want):
		w.t.Fatalf("%s: want element %d, got %v", op, want, e)
	}
}

// first takes the first of ids, or returns -1.
func first(ids *[]int) int {
	if len(*ids) == 0 {
		return -1
	}
	id := (*ids)[0]
	*ids = (*ids)[1:]
	return id
}

// step does what the byte b says, on both sides. Operations on an element that has to be free, and
// is not, are left out.
func (w *world) step(b byte) {
	e, at, op := int(b)%elements, int(b)/elements%2, int(b)/elements/2%8
	l, want := &w.lists[at], &w.wantLists[at]
	x := &w.all[e]
	switch {
	case op == 0 && w.free(e):
		l.Push(x)
		*want = append(*want, e)
	case op == 1 && w.free(e):
		l.PushFront(x)
		*want = append([]int{e}, *want...)
	case op == 2:
		w.taken("Pop", l.Pop(), first(want))
	case op == 3:
		listed := false
		for i := range w.wantLists {
			if k := slices.Index(w.wantLists[i], e); k >= 0 {
				listed = true
				w.wantLists[i] = slices.Delete(w.wantLists[i], k, k+1)
			}
		}
		before := x.Links
		if x.Leave() != listed {
			w.t.Fatalf("Leave of element %d: want %t", e, listed)
		}
		if !listed && x.Links != before {
			w.t.Fatalf("Leave of element %d, which is in no List, changes its links", e)
		}
	case op == 4 && len(w.wantChain) == 0:
		w.chain = l.TakeAll()
		w.wantChain, *want = *want, nil
	case op == 5 && w.free(e):
		if at == 0 {
			w.chain.Add(x)
			w.wantChain = append(w.wantChain, e)
		} else {
			w.stack.Push(x)
			w.wantStack = append([]int{e}, w.wantStack...)
		}
	case op == 6:
		w.taken("Take", w.chain.Take(), first(&w.wantChain))
	case op == 7:
		w.taken("Stack.Pop", w.stack.Pop(), first(&w.wantStack))
	}
}

// equal fails unless the elements of a list, forwards or backwards, are want.
func (w *world) equal(what string, want []int, e *element, next func(e *element) *element) {
	w.t.Helper()
	got := make([]int, 0, elements)
	for ; e != nil && len(got) <= elements; e = next(e) {
		got = append(got, e.id)
	}
	if !slices.Equal(want, got) {
		w.t.Fatalf("%s: want %v, got %v", what, want, got)
	}
}

// check compares all lists with the reference, and the links of each element with the list that it
// is in.
func (w *world) check() {
	w.t.Helper()
	for i := range w.lists {
		l, want := &w.lists[i], w.wantLists[i]
		w.equal("list", want, l.First, (*element).Next)
		back := slices.Clone(want)
		slices.Reverse(back)
		w.equal("list, backwards", back, l.last, func(e *element) *element { return e.prev })
		for _, id := range want {
			if w.all[id].in != l {
				w.t.Fatalf("element %d is not in list %d", id, i)
			}
		}
	}
	w.equal("chain", w.wantChain, w.chain.First, (*element).Next)
	w.equal("stack", w.wantStack, w.stack.First, (*element).Next)
	for id := range w.all {
		x := &w.all[id]
		listed := slices.Contains(w.wantLists[0], id) || slices.Contains(w.wantLists[1], id)
		if (x.in != nil) != listed {
			w.t.Fatalf("element %d is in a List: %t, want %t", id, x.in != nil, listed)
		}
		if w.free(id) && x.Links != (Links[element]{}) {
			w.t.Fatalf("element %d is in no list and has links", id)
		}
	}
}

// run does the steps and then compares all lists with the reference.
func run(t testing.TB, steps []byte) {
	w := &world{t: t}
	for id := range w.all {
		w.all[id].id = id
	}
	for _, b := range steps {
		w.step(b)
	}
	w.check()
}

// FuzzLists does the operations that the bytes name on the lists and on slices.
func FuzzLists(f *testing.F) {
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, steps []byte) { run(t, steps) })
}

// TestLists does every two operations behind each of a few beginnings, which have lists of
// different lengths, and long sequences at random.
func TestLists(t *testing.T) {
	const ops = elements * 2 * 8
	for _, begin := range testkit.Part([][]byte{
		{},
		{0, 1, 2, 3},          // four elements in the first list
		{0, 6, 1, 7},          // two in each
		{0, 1, 40, 2, 3},      // two in the chain, two in the first list
		{55, 56, 50, 51, 2},   // two in the stack, two in the chain, one in the first list
		{0, 1, 2, 3, 4, 32},   // five, the middle one of which leaves
		{10, 11, 12},          // three, pushed at the front
		{50, 60, 51, 52, 60},  // a chain that was empty meanwhile
		{0, 20, 1, 2, 32, 31}, // a list that was empty meanwhile
	}) {
		for a := range byte(ops) {
			for b := range byte(ops) {
				run(t, append(slices.Clip(begin), a, b))
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	n := 10_000
	if testkit.Race {
		n = 3000
	}
	for range n {
		steps := make([]byte, 10+rng.IntN(90))
		for i := range steps {
			steps[i] = byte(rng.IntN(ops))
		}
		run(t, steps)
	}
}
