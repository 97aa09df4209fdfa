package schednats

import "errors"

// ErrDropped is the cause with which the tasks of a dropped batch are cancelled: see [Queue.Drop].
var ErrDropped = errors.New("schednats: batch dropped")

// maxDrops bounds the dropped batches that a process remembers.
const maxDrops = 1024

// drop cancels the jobs of a batch, and remembers it for those that are on their way.
func (s *server[J, R]) drop(message []byte) {
	batch, last, err := parseDrop(message)
	if err != nil {
		s.opts.OnError(err)
		return
	}
	var hs []*held
	s.mu.Lock()
	if len(s.drops) >= maxDrops {
		clear(s.drops) // jobs of these batches have arrived long ago
	}
	s.drops[batch] = max(last, s.drops[batch])
	for h := range s.held {
		if h.batch == batch && h.seq <= last {
			h.dropped = true
			hs = append(hs, h)
		}
	}
	s.mu.Unlock()
	for _, h := range hs {
		s.dropOne(h)
	}
}

// dropOne cancels a job of a dropped batch, and settles it if it has not begun.
func (s *server[J, R]) dropOne(h *held) {
	if h.state.CompareAndSwap(queued, settled) {
		s.n.Dropped.Add(1)
		_ = h.msg.Ack() // its message is gone from the server already
		s.release(h)
	}
	if h.cancel != nil {
		h.cancel(ErrDropped)
	}
}
