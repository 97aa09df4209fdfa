package schedtest

import (
	"fmt"
	"os"
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
