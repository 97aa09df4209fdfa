package schedtest

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
	"github.com/heddle-go/heddle/internal/testkit"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// many returns how many schedules to try: n, or fewer where a test must be quick, or the number in
// HEDDLE_TEST_SCHEDULES. With 100000 there, the tests take some minutes.
func many(n int) int {
	const name = "HEDDLE_TEST_SCHEDULES"
	text := os.Getenv(name)
	if text == "" {
		return testkit.Scale{Race: 4, Short: 20, Emulated: 10, Least: 2}.Of(n)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		panic(fmt.Sprintf("%s is %q: want a number above 0", name, text))
	}
	return n
}

// part returns the part of xs to test. With the race detector and -short, that is a third of them
// for each of the numbers of CPUs 1, 2 and 4, because -cpu 1,2,4 then covers all.
func part[T any](xs []T) (ys []T) {
	if !testkit.Race || !testing.Short() {
		return xs
	}
	for i, x := range xs {
		if i%3 == bits.Len(uint(runtime.GOMAXPROCS(0)-1))%3 {
			ys = append(ys, x)
		}
	}
	return ys
}
