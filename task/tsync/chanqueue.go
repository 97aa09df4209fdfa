package tsync

// The caller of each function below holds mu. If the function returns a waiter, the caller must
// wake the waiter after unlocking mu.

// trySend sends v if it can do so without waiting. The channel must be open. self is the select for
// which the caller tries, or nil.
func (ch *Chan[T]) trySend(v T, self *selection) (done bool, w *waiter[T]) {
	ch.pairing.n = 0
	if w := ch.receiver(self); w != nil {
		w.v, w.ok = v, true
		return true, w
	}
	if ch.n < len(ch.buf) {
		ch.put(v)
		return true, nil
	}
	if ch.over != nil {
		ch.over.push(v)
		return true, nil
	}
	return false, nil
}

// tryRecv receives a value if it can do so without waiting. self is as for trySend.
func (ch *Chan[T]) tryRecv(self *selection) (v T, ok, done bool, w *waiter[T]) {
	ch.pairing.n = 0
	if ch.n > 0 {
		v = ch.get()
		return v, true, true, ch.refill()
	}
	if w := ch.sender(self); w != nil {
		w.ok = true
		return w.v, true, true, w
	}
	return v, false, ch.closed, nil
}

func (ch *Chan[T]) put(v T) {
	i := ch.head + ch.n
	if i >= len(ch.buf) {
		i -= len(ch.buf)
	}
	ch.buf[i] = v
	ch.n++
}

func (ch *Chan[T]) get() T {
	var zero T
	at := &ch.buf[ch.head]
	v := *at
	*at = zero
	if ch.head++; ch.head == len(ch.buf) {
		ch.head = 0
	}
	ch.n--
	return v
}

// refill moves the value of the first waiting sender into the room that get has made, and returns
// that sender. An unbounded channel never has a waiting sender, so there refill moves the oldest
// value of the overflow, if it has any.
func (ch *Chan[T]) refill() *waiter[T] {
	w := ch.sendq.First
	if w != nil && w.sel == nil {
		ch.sendq.Pop() // as claim does, without the call
	} else if w != nil {
		w = ch.sendq.claim(nil)
	}
	if w != nil {
		ch.put(w.v)
		w.ok = true
	} else if ch.over != nil && ch.over.n > 0 {
		ch.put(ch.over.pop())
	}
	return w
}

// receiver claims the first waiting receiver and takes it out of its queue, or returns nil if there
// is none.
func (ch *Chan[T]) receiver(self *selection) *waiter[T] {
	if ch.recvq.First == nil {
		return nil
	}
	return ch.recvq.claim(self)
}

// sender claims the first waiting sender and takes it out of its queue, or returns nil if there is
// none.
func (ch *Chan[T]) sender(self *selection) *waiter[T] {
	if ch.sendq.First == nil {
		return nil
	}
	return ch.sendq.claim(self)
}

// claim takes the first waiter that still waits out of the queue, and returns it. A select's waiter
// also stands in the queues of other channels, so claim has to win the select first. claim skips
// the waiters of the select self.
func (q *queue[T]) claim(self *selection) *waiter[T] {
	for w := q.First; w != nil; {
		if w.sel == nil {
			if w == q.First {
				return q.Pop()
			}
			w.Leave()
			return w
		}
		next := w.Next()
		if w.sel != self {
			w.Leave()
			if w.sel.win(int(w.index)) {
				return w
			}
		}
		w = next
	}
	return nil
}
