package benchmarks

import (
	"crypto/sha1"
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// Unbalanced Tree Search (Olivier et al., 2006) visits a tree whose shape depends on hashes. What
// lies below a node is not known before the node is visited.

// A utsType says by which law a node's number of children is chosen.
type utsType int

const (
	binomial utsType = iota
	geometric
	hybrid // geometric near the root, binomial below
)

// A utsShape says how the mean number of children in a geometric tree depends on the depth.
type utsShape int

const (
	linear utsShape = iota
	exponential
	cyclic
	fixed
)

// A utsTree holds the parameters of a tree.
type utsTree struct {
	kind  utsType
	shape utsShape
	b0    float64 // mean number of children of the root
	depth float64 // depth of a geometric tree
	m     int     // children of a binomial node that has any
	q     float64 // probability that a binomial node has children
	shift float64 // where a hybrid tree changes, as a fraction of depth
	seed  uint32
}

// utsDefault has the default parameters.
var utsDefault = utsTree{b0: 4, depth: 6, m: 4, q: 15.0 / 64, shift: 0.5}

// A utsCount holds the known size of a tree.
type utsCount struct{ nodes, leaves, depth int32 }

func (a utsCount) plus(b utsCount) utsCount {
	return utsCount{a.nodes + b.nodes, a.leaves + b.leaves, max(a.depth, b.depth)}
}

// A utsSize is a tree and its known size.
type utsSize struct {
	name string
	tree utsTree
	want utsCount
}

var utsTrees = []utsSize{
	{"T1", utsTree{kind: geometric, shape: fixed, b0: 4, depth: 10, seed: 19}, utsCount{4_130_071, 3_305_118, 10}},
	{"T5", utsTree{kind: geometric, shape: linear, b0: 4, depth: 20, seed: 34}, utsCount{4_147_582, 2_181_318, 20}},
	{"T3", utsTree{kind: binomial, b0: 2000, m: 8, q: 0.124875, seed: 42}, utsCount{4_112_897, 3_599_034, 1572}},
}

// utsSmall are such trees for -short. utsSequential has counted them.
var utsSmall = []utsSize{
	{"T1-small", utsTree{kind: geometric, shape: fixed, b0: 4, depth: 8, seed: 19}, utsCount{257_042, 205_878, 8}},
	{"T5-small", utsTree{kind: geometric, shape: linear, b0: 4, depth: 16, seed: 34}, utsCount{295_064, 157_457, 16}},
	{"T3-small", utsTree{kind: binomial, b0: 100, m: 8, q: 0.124875, seed: 42}, utsCount{6797, 5959, 67}},
}

// A utsNode is a node: its hash state and its distance from the root.
type utsNode struct {
	state  [sha1.Size]byte
	height int32
	tree   *utsTree
}

func (t *utsTree) root() utsNode {
	var in [20]byte
	binary.BigEndian.PutUint32(in[16:], t.seed)
	return utsNode{sha1.Sum(in[:]), 0, t}
}

func (n utsNode) child(i int) utsNode {
	var in [sha1.Size + 4]byte
	copy(in[:], n.state[:])
	binary.BigEndian.PutUint32(in[sha1.Size:], uint32(i))
	return utsNode{sha1.Sum(in[:]), n.height + 1, n.tree}
}

// children returns the node's number of children.
func (n utsNode) children() int {
	const most = 100
	t := n.tree
	u := float64(binary.BigEndian.Uint32(n.state[16:])&math.MaxInt32) / (1 << 31)
	kind := t.kind
	if kind == hybrid {
		kind = binomial
		if float64(n.height) < t.shift*t.depth {
			kind = geometric
		}
	}
	switch {
	case kind == geometric:
		b := t.mean(float64(n.height))
		if b <= 0 {
			return 0
		}
		return min(int(math.Log(1-u)/math.Log(1-1/(1+b))), most)
	case n.height == 0:
		return int(t.b0)
	case u < t.q:
		return min(t.m, most)
	}
	return 0
}

// mean returns the mean number of children of a geometric node at depth h.
func (t *utsTree) mean(h float64) float64 {
	if h == 0 {
		return t.b0
	}
	switch t.shape {
	case exponential:
		return t.b0 * math.Pow(h, -math.Log(t.b0)/math.Log(t.depth))
	case cyclic:
		if h > 5*t.depth {
			return 0
		}
		return math.Pow(t.b0, math.Sin(2*math.Pi*h/t.depth))
	case fixed:
		if h < t.depth {
			return t.b0
		}
		return 0
	}
	return t.b0 * (1 - h/t.depth)
}

var utsFunc *parallel.Func[utsNode, utsCount]

func init() { utsFunc = parallel.Define(utsHeddle) }

// BenchmarkUTS visits all nodes of a tree, with a fork for each child. Goroutines with cutoff=N
// fork only in the first N levels. Without a cut-off they take seconds. With style=idle they fork
// only while fewer than GOMAXPROCS of them compute, and so need no cut-off.
func BenchmarkUTS(b *testing.B) {
	trees := utsTrees
	if testing.Short() {
		trees = utsSmall
	}
	for _, t := range trees {
		tree := t.tree
		check := func(b *testing.B, got utsCount) { want(b, t.name, got, t.want) }
		count := func(r row) row { return per(int(t.want.nodes), "node", r) }
		runOne(b, sequential, 1, count(loop(func(b *testing.B) {
			root := tree.root()
			check(b, utsSequential(root))
		})), key("tree", t.name))
		run(b, heddle, count(tasks(func(b *testing.B, c *task.Ctx) {
			root := tree.root()
			check(b, utsFunc.Call(c, root))
		})), key("tree", t.name))
		for _, cutoff := range []int{math.MaxInt, 6} {
			keys := []string{key("tree", t.name)}
			if cutoff != math.MaxInt {
				keys = append(keys, key("cutoff", cutoff))
			}
			run(b, goroutines, count(loop(func(b *testing.B) {
				root := tree.root()
				check(b, utsGoroutines(root, cutoff))
			})), keys...)
		}
		run(b, goroutines, count(func(b *testing.B, workers int) {
			for b.Loop() {
				var idle idlePlaces
				idle.n.Store(int32(workers - 1))
				check(b, idle.count(tree.root()))
			}
		}), key("tree", t.name), "style=idle")
	}
}

// idlePlaces counts the Ps on which none of the program's goroutines computes.
type idlePlaces struct{ n atomic.Int32 }

// take takes an idle place and reports whether there was one.
func (p *idlePlaces) take() bool {
	if p.n.Load() <= 0 {
		return false
	}
	if p.n.Add(-1) < 0 {
		p.n.Add(1)
		return false
	}
	return true
}

// count visits a tree. If a place is idle, it starts a goroutine for a child.
func (p *idlePlaces) count(n utsNode) utsCount {
	children := n.children()
	if children == 0 {
		return utsCount{1, 1, n.height}
	}
	sum := utsCount{1, 0, n.height}
	if p.n.Load() <= 0 {
		for i := range children {
			sum = sum.plus(p.count(n.child(i)))
		}
		return sum
	}
	counts := make([]utsCount, children)
	var wg sync.WaitGroup
	for i := range counts {
		if !p.take() {
			counts[i] = p.count(n.child(i))
			continue
		}
		wg.Go(func() {
			counts[i] = p.count(n.child(i))
			p.n.Add(1)
		})
	}
	wg.Wait()
	for _, x := range counts {
		sum = sum.plus(x)
	}
	return sum
}

func utsSequential(n utsNode) utsCount {
	children := n.children()
	if children == 0 {
		return utsCount{1, 1, n.height}
	}
	sum := utsCount{1, 0, n.height}
	for i := range children {
		sum = sum.plus(utsSequential(n.child(i)))
	}
	return sum
}

func utsHeddle(c *task.Ctx, n utsNode) utsCount {
	children := n.children()
	if children == 0 {
		return utsCount{1, 1, n.height}
	}
	var few [16]*parallel.Call[utsNode, utsCount]
	calls := few[:0]
	for i := range children {
		calls = append(calls, utsFunc.Fork(c, n.child(i)))
	}
	sum := utsCount{1, 0, n.height}
	for i := len(calls) - 1; i >= 0; i-- {
		sum = sum.plus(calls[i].Join(c))
	}
	return sum
}

func utsGoroutines(n utsNode, cutoff int) utsCount {
	if int(n.height) >= cutoff {
		return utsSequential(n)
	}
	children := n.children()
	if children == 0 {
		return utsCount{1, 1, n.height}
	}
	counts := make([]utsCount, children)
	var wg sync.WaitGroup
	for i := range counts {
		wg.Go(func() {
			counts[i] = utsGoroutines(n.child(i), cutoff)
		})
	}
	wg.Wait()
	sum := utsCount{1, 0, n.height}
	for _, x := range counts {
		sum = sum.plus(x)
	}
	return sum
}

// TestUTS visits a tree of each type and shape in each way.
func TestUTS(t *testing.T) {
	for kind := binomial; kind <= hybrid; kind++ {
		for shape := linear; shape <= fixed; shape++ {
			tree := utsDefault
			tree.kind, tree.shape, tree.seed = kind, shape, 7
			root := tree.root()
			one := utsSequential(root)
			if two := utsGoroutines(root, math.MaxInt); one != two {
				t.Errorf("%v: %v sequentially, %v by goroutines", tree, one, two)
			}
			var idle idlePlaces
			idle.n.Store(2)
			if got := idle.count(root); one != got {
				t.Errorf("%v: %v sequentially, %v where places are idle", tree, one, got)
			}
			for _, workers := range []int{1, 2} {
				if three := utsOnHeddle(t, workers, root); one != three {
					t.Errorf("%v: %v sequentially, %v by %d workers", tree, one, three, workers)
				}
			}
		}
	}
}

func utsOnHeddle(t *testing.T, workers int, root utsNode) utsCount {
	s, err := scheduler.New(scheduler.WithWorkers(workers))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, err := parallel.Run(s, func(c *task.Ctx) (utsCount, error) { return utsFunc.Call(c, root), nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}
