package rt

// A WaitReason is what a task waits for, for people to read: the last park left it in the status word. Nothing
// depends on it.
type WaitReason uint8

// What tasks wait for.
const (
	WaitOther WaitReason = iota // something that did not say
	WaitReady                   // Ctx.Park: a Ready
	WaitJoin
	WaitFork // a forked call that was stolen
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
	WaitGroup // a WaitGroup
	WaitEvent
	WaitBarrier
	WaitOnce
	WaitBlocking
	WaitMembers // a Group
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

// String returns it in a word or two.
func (y WaitReason) String() string {
	if y < numWaitReasons {
		return waitReasonText[y]
	}
	return "unknown"
}

// Park is a wait of kind k for y.
func (y WaitReason) Park(k Park) Park { return k | Park(y)<<waitReasonShift }

// WaitReason returns what a Waiting task waits for.
func (s Status) WaitReason() WaitReason { return WaitReason(s >> waitReasonShift) }
