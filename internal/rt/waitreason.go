package rt

// A WaitReason says what a task waits for, for people to read. Each park stores it in the status
// word. No decision depends on it, except in Abandon and in directed schedulers.
type WaitReason uint8

// The reasons. Those without a comment are named after the operation.
const (
	WaitOther WaitReason = iota // an unnamed event
	WaitReady                   // a Ready, in Ctx.Park
	WaitJoin
	WaitFork // a stolen call
	WaitSleep
	WaitTimer
	WaitSend
	WaitRecv
	WaitSelect
	WaitNever // a nil channel, an empty select, too many units of a semaphore
	WaitMutex
	WaitRLock
	WaitWLock
	WaitCond
	WaitSemaphore
	WaitGroup // a tsync.WaitGroup
	WaitEvent
	WaitBarrier
	WaitOnce
	WaitBlocking
	WaitMembers // the members of a task.Group
	WaitPlace   // a place in a Group that is full
	WaitResult  // a Completion or a Future
	numWaitReasons
)

var waitReasonText = [numWaitReasons]string{
	WaitOther:     "an event",
	WaitReady:     "ready",
	WaitJoin:      "join",
	WaitFork:      "fork join",
	WaitSleep:     "sleep",
	WaitTimer:     "timer",
	WaitSend:      "chan send",
	WaitRecv:      "chan receive",
	WaitSelect:    "select",
	WaitNever:     "nothing (until cancelled)",
	WaitMutex:     "mutex",
	WaitRLock:     "rwmutex (read)",
	WaitWLock:     "rwmutex (write)",
	WaitCond:      "cond",
	WaitSemaphore: "semaphore",
	WaitGroup:     "waitgroup",
	WaitEvent:     "event",
	WaitBarrier:   "barrier",
	WaitOnce:      "once",
	WaitBlocking:  "blocking call",
	WaitMembers:   "group",
	WaitPlace:     "group limit",
	WaitResult:    "future",
}

// String returns the reason in a word or two.
func (y WaitReason) String() string {
	if y < numWaitReasons {
		return waitReasonText[y]
	}
	return "unknown"
}

// Park returns the park of kind k with reason y.
func (y WaitReason) Park(k Park) Park { return k | Park(y)<<waitReasonShift }

// WaitReason returns the reason of the park.
func (k Park) WaitReason() WaitReason { return WaitReason(k >> waitReasonShift) }

// WaitReason returns the reason of the wait of a Waiting task.
func (s Status) WaitReason() WaitReason { return WaitReason(s >> waitReasonShift) }
