package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// KeyedMutex is a [Mutex] for each key, for tasks and goroutines. One caller at a time holds the
// lock of a key, and callers with other keys do not wait for it. The zero KeyedMutex has no key
// locked. A KeyedMutex must not be copied. Locks have no owner: one task may lock a key and another
// may unlock it. If all callers that come at the same time should share the result of one call, use
// [task.Flight] instead.
//
// Callers that wait for the same key are served in the order that Mutex documents. A KeyedMutex
// keeps memory for the keys that are locked or waited for, and for a few dozen more, so that most
// operations do not allocate. Each operation looks up its key in a map, under one short lock for
// all keys.
//
// A caller that holds several keys at a time must lock them in an order that all callers keep to,
// as with any lock.
type KeyedMutex[K comparable] struct {
	mu   atomicx.Mutex
	keys map[K]*keyed // the keys that are locked or waited for
	peak int          // the largest len(keys) since keys was made

	// free is a list of entries for keys to come, and spare is its length.
	free  *keyed
	spare int
}

// A keyed is the mutex of one key. It stays with the key while it has users, so all users of a key
// share one mutex.
type keyed struct {
	m     Mutex
	users int // callers that hold m or try to lock it; under mu of the KeyedMutex

	// next is the next entry of the list free. list.Links would make an entry larger than 64 bytes.
	next *keyed
}

const (
	maxSpare = 32 // entries, of 64 bytes each
	// largeMap is the smallest size at which drop replaces a map once most of its keys are gone.
	// The replacement is needed because a Go map never shrinks.
	largeMap = 64
)

// Lock locks key. If key is already locked, Lock waits until the caller gets it, parking the
// calling task or blocking the calling goroutine. Cancelling the task does not end the wait; use
// [KeyedMutex.LockContext] if it should. Lock panics if key cannot be hashed, or does not equal
// itself, like NaN.
func (k *KeyedMutex[K]) Lock(key K) {
	point()
	if e, locked := k.enter(key, true); !locked {
		ctx, d := callerUncancelled()
		_ = e.m.join(ctx, d, true) // a hard wait returns no error
	}
}

// LockContext is like [KeyedMutex.Lock], but gives up if ctx ends first. Then it returns the
// context's cause, and this call has not locked key.
func (k *KeyedMutex[K]) LockContext(ctx context.Context, key K) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	e, locked := k.enter(key, true)
	if locked {
		return nil
	}
	defer func() { // deferred, because a method of ctx may panic
		if !locked {
			k.leave(key, e)
		}
	}()
	err = e.m.join(ctx, d, false)
	locked = err == nil
	return err
}

// TryLock locks key if it is free, and reports whether it did. It never waits. It panics as Lock
// does.
func (k *KeyedMutex[K]) TryLock(key K) bool {
	point()
	_, locked := k.enter(key, false)
	return locked
}

// Unlock unlocks key. It panics if key is not locked.
func (k *KeyedMutex[K]) Unlock(key K) {
	point()
	if e := k.release(key); e != nil {
		e.m.unlock() // before leave, because e may serve another key after that
		k.leave(key, e)
	}
}

// enter locks key's mutex if the mutex is free. If it was free, or if stays is set, the caller
// becomes a user of the mutex. A caller that became a user without the lock must then wait for the
// lock.
func (k *KeyedMutex[K]) enter(key K, stays bool) (e *keyed, locked bool) {
	k.mu.Lock()
	defer k.mu.Unlock() // deferred, because a key that cannot be hashed panics
	if e = k.keys[key]; e == nil {
		e = k.add(key)
	}
	locked = e.m.tryLock()
	if locked || stays {
		e.users++
	}
	return e, locked
}

// release unlocks key and returns nil if no other caller waits for it. Otherwise it returns the
// mutex, and the caller must unlock it and then call leave.
func (k *KeyedMutex[K]) release(key K) *keyed {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.keys[key]
	if e == nil || e.m.state.Load()&mxLocked == 0 {
		panic("tsync: Unlock of a key of a KeyedMutex that is not locked")
	}
	if e.users > 1 {
		return e
	}
	e.m.unlock() // wakes no waiter, because the holder is the only user
	k.drop(key, e)
	return nil
}

// leave ends the caller's use of e, which is the mutex of key.
func (k *KeyedMutex[K]) leave(key K, e *keyed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.users > 1 {
		e.users--
		return
	}
	k.drop(key, e)
}

// add adds an entry for key, which has no users yet. The caller holds mu.
func (k *KeyedMutex[K]) add(key K) *keyed {
	if key != key {
		panic("tsync: Lock of a key of a KeyedMutex that does not equal itself, such as NaN: no Unlock would find it")
	}
	e := k.free
	if e == nil {
		e = new(keyed)
	} else {
		k.free, e.next = e.next, nil
		k.spare--
	}
	if k.keys == nil {
		k.keys = make(map[K]*keyed)
	}
	k.keys[key] = e
	k.peak = max(k.peak, len(k.keys))
	return e
}

// drop removes key, whose mutex e has lost its last user. The caller holds mu.
func (k *KeyedMutex[K]) drop(key K, e *keyed) {
	e.users = 0
	delete(k.keys, key)
	if k.spare < maxSpare {
		e.next, k.free = k.free, e
		k.spare++
	}
	if k.peak >= largeMap && len(k.keys) <= k.peak/4 {
		few := make(map[K]*keyed, len(k.keys))
		for key, e := range k.keys {
			few[key] = e
		}
		k.keys, k.peak = few, len(few)
	}
}
