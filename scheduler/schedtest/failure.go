package schedtest

// A kind is the kind of a failure.
type kind uint8

const (
	assertionFailed  kind = iota + 1 // by a method of T, or of the test's own t
	panicked                         // a task has panicked, and the scheduler has no handler
	deadlock                         // every task waits, and no timer is pending
	livelock                         // the run has more steps than Config.Steps
	tasksLeft                        // the body has returned, and tasks wait for ever
	goroutinesLeft                   // the body has returned, and goroutines wait for ever
	notDeterministic                 // the same schedule has not led to the same run
)

var kindText = [...]string{
	assertionFailed: "assertion failed", panicked: "panic", deadlock: "deadlock", livelock: "livelock",
	tasksLeft: "tasks left", goroutinesLeft: "goroutines left", notDeterministic: "not deterministic",
}

// String returns the kind in words.
func (k kind) String() string { return kindText[k] }

// A failure says how a schedule has failed.
type failure struct {
	kind     kind
	message  string
	schedule string // for Replay
	steps    []step // of that schedule
	shrunk   bool   // it is the shortest failing schedule that was found
}

// A step is one turn of a task.
type step struct {
	task  string // its name, or "task" and its number
	id    int    // its number, in the order in which tasks were first seen; the body is 0
	what  string // the operation of heddle with which the turn begins
	where string // the place of that operation in the user's code
}
