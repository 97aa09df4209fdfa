package benchmarks

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

const (
	bankers       = 40
	transfersEach = 5000
)

// BenchmarkBanking lets 40 units make 5,000 transfers each between two random accounts. A transfer
// holds the locks of both accounts, and takes the one with the lower number first. ns/op is one
// transfer, and cpu is the processor time of one. With accounts=10 the units queue, with
// accounts=1000 they hardly do. The baseline is goroutines with sync.Mutex. At the end no money may
// be missing.
func BenchmarkBanking(b *testing.B) {
	for _, accounts := range []int{10, 1000} {
		run(b, heddle, func(b *testing.B, workers int) {
			s := newScheduler(b, workers)
			versus(b, banking(heddle, func() { bankHeddle(b, s, accounts) }),
				banking("mutex", func() { bankGoroutines(b, accounts) }))
		}, key("accounts", accounts), "against=mutex")
	}
}

// banking makes a side that reports the measures for one of the transfers that f makes.
func banking(name string, f func()) side {
	return side{name, func() measures {
		cpu := processorTime()
		m := timed(name, f).round()
		m["cpu"] = max(1, processorTime()-cpu)
		for k := range m {
			m[k] /= bankers * transfersEach
		}
		return m
	}}
}

// An account is a balance with its lock, a *tsync.Mutex or a *sync.Mutex.
type account[M any] struct {
	mu      M
	balance int
}

const deposit = 1000 // the first balance of each account

func bankHeddle(b *testing.B, s *scheduler.Scheduler, n int) {
	accounts := make([]account[tsync.Mutex], n)
	for i := range accounts {
		accounts[i].balance = deposit
	}
	err := s.Go(func(c *task.Ctx) {
		var wg tsync.WaitGroup
		for i := range bankers {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), 8))
				for range transfersEach {
					from, to := twoOf(rng, n)
					x, y := &accounts[min(from, to)], &accounts[max(from, to)]
					x.mu.Lock()
					y.mu.Lock()
					move(rng, &accounts[from].balance, &accounts[to].balance)
					y.mu.Unlock()
					x.mu.Unlock()
				}
			})
		}
		wg.Wait()
	}).Wait()
	want(b, "error", err, nil)
	sum := 0
	for i := range accounts {
		sum += accounts[i].balance
	}
	want(b, "money", sum, n*deposit)
}

func bankGoroutines(b *testing.B, n int) {
	accounts := make([]account[sync.Mutex], n)
	for i := range accounts {
		accounts[i].balance = deposit
	}
	var wg sync.WaitGroup
	for i := range bankers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 8))
			for range transfersEach {
				from, to := twoOf(rng, n)
				x, y := &accounts[min(from, to)], &accounts[max(from, to)]
				x.mu.Lock()
				y.mu.Lock()
				move(rng, &accounts[from].balance, &accounts[to].balance)
				y.mu.Unlock()
				x.mu.Unlock()
			}
		})
	}
	wg.Wait()
	sum := 0
	for i := range accounts {
		sum += accounts[i].balance
	}
	want(b, "money", sum, n*deposit)
}

// twoOf returns two different numbers below n.
func twoOf(rng *rand.Rand, n int) (from, to int) {
	from, to = rng.IntN(n), rng.IntN(n-1)
	if to >= from {
		to++
	}
	return from, to
}

// move moves a random amount from one account to another, if the balance is large enough.
func move(rng *rand.Rand, from, to *int) {
	amount := rng.IntN(100)
	if *from >= amount {
		*from -= amount
		*to += amount
	}
}
