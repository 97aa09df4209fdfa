package schedtest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}
