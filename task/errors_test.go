package task_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// The text of a panic is one line, for any value. %+v adds the stack.
func TestPanicErrorFormats(t *testing.T) {
	stack := []byte("goroutine 7 [running]:\nmain.f()\n")
	e := &task.PanicError{Value: "boom", Stack: stack}
	for format, want := range map[string]string{
		"%v":   "task: panic: boom",
		"%s":   "task: panic: boom",
		"%q":   `"task: panic: boom"`,
		"%20s": "   task: panic: boom",
		"%+v":  "task: panic: boom\n\ngoroutine 7 [running]:\nmain.f()\n",
		"%#v":  `&task.PanicError{Value:"boom", Stack:[]byte("goroutine 7 [running]:\nmain.f()\n")}`,
	} {
		require.Equal(t, want, fmt.Sprintf(format, e), format)
	}
	require.Equal(t, "task: panic: boom", e.Error())
	require.Equal(t, "wrapped: task: panic: boom", fmt.Errorf("wrapped: %w", e).Error())

	two := &task.PanicError{Value: errors.Join(errors.New("one"), errors.New("two")), Stack: stack}
	require.Equal(t, `task: panic: one\ntwo`, two.Error())
	require.Equal(t, "task: panic: one\ntwo\n\n"+string(stack), fmt.Sprintf("%+v", two))

	for _, v := range []any{(*nilError)(nil), nil, []int{1}} {
		require.NotContains(t, (&task.PanicError{Value: v}).Error(), "\n")
	}
}
