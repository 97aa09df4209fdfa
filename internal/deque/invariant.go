package deque

// This file has no code. It states what owner.go and thief.go rely on.
//
// # Invariant
//
// With o an Owner and v its Thief, all differences signed so that the indexes may wrap around, at the end of each operation
// of the owner, whatever thieves do meanwhile:
//
//	(1) o.swept <= v.top <= o.split <= o.bottom <= o.limit <= o.swept + len(o.slots)
//	(2) v.split == o.split and v.ring.slots == o.slots
//	(3) for i in [v.top, o.bottom): slot i holds element i, which nobody has been given
//	(4) for i in [o.swept, v.top): slot i may hold a dead pointer; for i in [o.bottom, o.swept + len(o.slots)): slot i is nil, or holds
//	    what TakeBackIf took from there, which has not been pushed again
//	(5) FIFO: o.split == o.bottom
//
// top may rise at any moment, and only while below v.split; nothing else is changed by thieves, so (1) to (5) are stable
// under them. Each transition of the owner keeps them:
//
//   - Push: bottom < limit beforehand, by makeRoom if need be; the slot written is dead and swept, by (1) and (4). bottom and split both become
//     the old bottom+1.
//   - TryPushPrivate, PushPrivate: the same, but split stays.
//   - Expose, ExposeAll: split rises, to bottom at most. limit may fall, but stays above bottom.
//   - PopPrivate, PopPrivateIf, TakeBackIf: bottom falls, from above split. Thieves cannot see the slot.
//   - PushLeftover: as TryPushPrivate of what the slot holds by (4). It is no dead element, which sweep could clear yet: bottom < limit, and
//     so by (1) what the slot held a ring's length ago has been swept.
//   - takeNewest: below. In between, v.split may be o.split-1 and even top-1, and thieves then find the deque empty; in the end (1) to (5)
//     hold with bottom == split == old split-1, or == top.
//   - takeOldest: top rises by one, by CAS, while below split.
//   - sweep(t), for a t that was loaded from top: swept rises to t <= top. The slots cleared are those of dead elements by (4), and by (1) none of
//     them also is the slot of a live one.
//   - makeRoom: limit becomes swept + len(slots) at most, and bottom + n at least.
//   - grow: the new ring holds [t, bottom) for a t that was loaded from top, swept becomes t (it did in makeRoom), and the length grows.
//   - Trim: only with top == bottom, so there is nothing to be moved; swept == bottom == limit.
//   - publish in StealBatch, dst being the thief's own: as that many Pushes.
//
// # Owner against thief
//
// The owner takes element b = split-1 (takeNewest), a thief takes element t = top (steal).
//
//	(O1) v.split.Store(b)                         (T1) t := v.top.Load()
//	(O2) t := v.top.Load()                        (T2) s := v.split.Load(); Empty unless t < s
//	(O3) t <  b: the owner has b                  (T3) x := slot t of v.ring
//	     t == b: the owner has b if it gets       (T4) the thief has t if it gets
//	             v.top.CAS(b, b+1)                     v.top.CAS(t, t+1)
//	     t >  b: nothing is left
//
// Two thieves never have the same element: both would have to move top from t, which never falls. Nor do owner and thief have
// the same b. If the owner has it by CAS, that is the same argument. If it has it by t < b, top was below b at O2. A thief that
// gets b read top == b at T1, so T1 is later than O2, T2 later still, and O1 earlier than both: T2 reads s <= b, unless
// the owner has pushed since, and then element b is another one. And with t == s == b the thief finds Empty. Storing split before
// loading top is what this rests on, and why O1 must be a sequentially consistent store.
//
// No element is lost: what is below split and at or above top can be taken by whoever comes next; what is above split is taken by
// the owner, or exposed.
//
// The slot that the thief reads at T3 is the right one whenever its CAS succeeds. Element t was published by a store of split
// that T2 or an earlier load saw, so its slot was written before; the ring of T3 is not older than that store. If that ring has been
// replaced since, it still holds element t, because a ring is not written once it is replaced, and one is replaced either by grow, which
// leaves the old one as it is, or by Trim, when top is beyond t. If it has not been replaced, slot t is written again only after the owner
// has loaded a top beyond t (swept > t, by (1)), and then the CAS fails. If the ring is newer than a grow that saw top beyond t, the same.
