package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// KeyedMutex is a [Mutex] for each key, for tasks and goroutines: it lets one caller at a time into the work for a key, and does not
// hold up the work for other keys. The zero KeyedMutex has no key locked. It must not be copied. It has no owner: one task may lock
// a key and another unlock it. To make one call for all that ask at the same time, use [task.Flight].
//
// Callers that wait for a key are served as those of a Mutex. A KeyedMutex keeps memory for the keys that are locked or waited for,
// and for a few dozen more, which spare it allocations. Each operation looks the key up in a map, under one short lock for all keys.
//
// A caller that locks several keys at a time must lock them in an order that all callers keep to, as with any lock.
type KeyedMutex[K comparable] struct {
	mu   atomicx.Mutex
	keys map[K]*keyed // those that are locked or waited for
	peak int          // the largest len(keys) since keys was made

	// free are entries for keys to come, spare of them.
	free  *keyed
	spare int
}

// A keyed is the mutex of one key. It stays with the key while it has users, so all of them use the same one.
type keyed struct {
	m     Mutex
	users int    // that have it locked, or try to; under mu of the KeyedMutex
	next  *keyed // in the list of those that are free
}

const (
	maxSpare = 32 // entries of 64 bytes
	// largeMap is the size from which a map is replaced when most of its keys are gone: a map of Go's never shrinks.
	largeMap = 64
)

// Lock locks key. If it is locked already, Lock waits, parking the task or blocking the goroutine, until key is its own. Nothing
// else ends the wait, not even the task's cancellation: see [KeyedMutex.LockContext]. Lock panics if key cannot be hashed, or does
// not equal itself, as NaN does not.
func (k *KeyedMutex[K]) Lock(key K) {
	if e, locked := k.enter(key, true); !locked {
		e.m.lockSlow()
	}
}

// LockContext is [KeyedMutex.Lock], which gives up when ctx ends first: it returns the cause, and key is not locked by this call.
func (k *KeyedMutex[K]) LockContext(ctx context.Context, key K) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	e, locked := k.enter(key, true)
	if locked {
		return nil
	}
	defer func() { // also if a method of ctx panics
		if !locked {
			k.leave(key, e)
		}
	}()
	err = e.m.join(ctx, d, false)
	locked = err == nil
	return err
}

// TryLock locks key if it is free, and reports whether it did.
func (k *KeyedMutex[K]) TryLock(key K) bool {
	_, locked := k.enter(key, false)
	return locked
}

// Unlock unlocks key, and panics if it is not locked.
func (k *KeyedMutex[K]) Unlock(key K) {
	if e := k.release(key); e != nil {
		e.m.Unlock() // before leave: until then e is the key's
		k.leave(key, e)
	}
}

// enter makes the caller a user of key's mutex if it can lock that at once, or stays to wait for it.
func (k *KeyedMutex[K]) enter(key K, stays bool) (e *keyed, locked bool) {
	k.mu.Lock()
	defer k.mu.Unlock() // a key that cannot be hashed panics
	if e = k.keys[key]; e == nil {
		e = k.add(key)
	}
	locked = e.m.TryLock()
	if locked || stays {
		e.users++
	}
	return e, locked
}

// release unlocks key if no caller waits for it. Otherwise it returns the mutex, which the caller unlocks and then leaves.
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
	e.m.Unlock() // wakes no waiter, because the holder is the only user
	k.drop(key, e)
	return nil
}

// leave ends the caller's use of e, which is key's mutex.
func (k *KeyedMutex[K]) leave(key K, e *keyed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.users > 1 {
		e.users--
		return
	}
	k.drop(key, e)
}

// add enters an entry without users for key. Called under mu.
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

// drop removes key, whose mutex e has lost its last user. Called under mu.
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
