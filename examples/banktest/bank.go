package main

import (
	"errors"

	"github.com/heddle-go/heddle/task/tsync"
)

// errFunds is the error of a transfer of more than there is.
var errFunds = errors.New("bank: not enough money")

// An account has money, which is never negative.
type account struct {
	mu    tsync.Mutex
	money int
}

// balance returns how much money the account has.
func (a *account) balance() int {
	a.mu.Lock()
	n := a.money
	a.mu.Unlock()
	return n
}

// add adds n, which may be negative.
func (a *account) add(n int) {
	a.mu.Lock()
	a.money += n
	a.mu.Unlock()
}

// take takes n out. If the account has less, take changes nothing and returns errFunds.
func (a *account) take(n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.money < n {
		return errFunds
	}
	a.money -= n
	return nil
}

// A transfer moves n from one account to another, or returns errFunds.
type transfer func(from, to *account, n int) error

// first is the first version. Each of its lines is right.
func first(from, to *account, n int) error {
	if from.balance() < n {
		return errFunds
	}
	from.add(-n)
	to.add(n)
	return nil
}

// mended compares and takes under one lock.
func mended(from, to *account, n int) error {
	if err := from.take(n); err != nil {
		return err
	}
	to.add(n)
	return nil
}

// day has two tasks transfer 60 from an account that has 100, and returns what is left there. The
// caller is a task.
func day(f transfer) int {
	from, to := &account{money: 100}, &account{}
	var wg tsync.WaitGroup
	for range 2 {
		wg.Go(func() { _ = f(from, to, 60) }) // one of the two should be refused
	}
	wg.Wait()
	return from.balance()
}
