package deque

// This file has no code. It states what owner.go and thief.go rely on.
//
// # Invariant
//
// Let o be an Owner and v its Thief. All differences are signed, so that the indexes may wrap
// around. The following holds at the end of each operation of the owner, whatever thieves do
// meanwhile:
//
//	(1) o.swept <= v.top <= o.split <= o.bottom <= o.limit <= o.swept + len(o.slots)
//	(2) v.split == o.split and v.ring.slots == o.slots
//	(3) for i in [v.top, o.bottom): slot i holds element i, which has not been given out
//	(4) for i in [o.swept, v.top): slot i may hold a dead pointer
//	    for i in [o.bottom, o.swept + len(o.slots)): slot i is nil, or holds an element
//	    that TakeBackIf took from there and that has not been pushed again
//	(5) FIFO: o.split == o.bottom
//
// Of these words, thieves change only top. It may rise at any moment, and only while it is below
// v.split, so thieves keep (1) to (5). Each transition of the owner keeps them too:
//
//   - Push: before the store, bottom < limit, because Push calls makeRoom if need be. By (1) and
//     (4) the slot written holds no live element and has been swept. bottom and split both become
//     the old bottom+1.
//   - TryPushPrivate, PushPrivate: as Push, but split stays.
//   - Expose, ExposeAll: split rises, to bottom at most. limit may fall, but stays above bottom.
//   - PopPrivate, PopPrivateIf, TakeBackIf: bottom was above split and falls by one. Thieves cannot
//     see the slot.
//   - PushLeftover: as TryPushPrivate, for the element that the slot holds by (4). sweep cannot
//     clear the slot later on behalf of a dead element. Only the element a ring's length below used
//     the same slot, and because bottom < limit, sweep has passed it already, by (1).
//   - takeNewest: see below. In between, v.split may be o.split-1 and even top-1, and thieves then
//     find the deque empty. At the end (1) to (5) hold with bottom == split == old split-1, or ==
//     top.
//   - PopOldest: a CAS raises top by one, while top is below split.
//   - ReverseNewest: see below. In between, v.split may be below top. At the end split == bottom,
//     and [top, bottom) holds the elements that it held before, but for those that thieves took.
//   - sweep(t), for a t that was loaded from top: swept rises to t <= top. By (4) the slots that it
//     clears hold dead elements, and by (1) none of them is also the slot of a live one.
//   - makeRoom: limit becomes at most swept + len(slots), and at least bottom + n.
//   - grow: the new ring holds [t, bottom), for a t that makeRoom has loaded from top. makeRoom has
//     swept up to t before, so swept == t. The length grows.
//   - Trim: it acts only if top == bottom, so it has no element to move. Afterwards swept == bottom
//     == limit.
//   - StealBatch: in dst, the thief's own deque, reserve makes room and publish acts as several
//     Pushes.
//
// # Owner against thief
//
// The owner takes element b = split-1 (takeNewest), a thief takes element t = top (steal).
//
//	owner                                       thief
//	Take-O1  v.split.Store(b)                   Take-T1  t := v.top.Load()
//	Take-O2  t := v.top.Load()                  Take-T2  s := v.split.Load(); Empty
//	Take-O3  t <  b: the owner has b                     unless t < s
//	         t == b: the owner has b if         Take-T3  x := slot t of v.ring
//	                 v.top.CAS(b, b+1)          Take-T4  the thief has t if
//	                 succeeds                            v.top.CAS(t, t+1) succeeds
//	         t >  b: nothing is left
//
// Two thieves never get the same element, because both would have to move top from t, and top never
// falls.
//
// Owner and thief never get the same b. If the owner gets it by CAS, the same argument holds. If
// the owner gets it by t < b, top was below b at Take-O2. A thief that gets b reads top == b at
// Take-T1. So Take-T1 comes after Take-O2, Take-T2 comes later still, and Take-O1 comes before all
// of them. Take-T2 then reads s <= b, unless the owner has pushed since, and then element b is
// another one. With t == b and s <= b the thief finds Empty. This rests on storing split before
// loading top, so Take-O1 must be a sequentially consistent store.
//
// No element is lost. The owner or any thief can take the elements in [top, split). The owner takes
// the elements above split, or exposes them.
//
// If the CAS of Take-T4 succeeds, Take-T3 has read the right element. Take-T2, or an earlier load,
// saw a store of split that published element t. So slot t had been written before that store, and
// the ring that Take-T3 reads is not older than that store. There are three cases:
//
//   - That ring has been replaced since. It still holds element t, because a ring is never written
//     after it was replaced. grow leaves the old ring as it is, and Trim replaces a ring only when
//     top is beyond t.
//   - That ring has not been replaced. Slot t is written again only after the owner has loaded a
//     top beyond t (swept > t, by (1)), and then the CAS fails.
//   - That ring is newer than a grow that saw top beyond t. Then the CAS fails too.
//
// # Reversing
//
// ReverseNewest writes slots of shared elements, [from, bottom). It hides them from thieves first.
//
//	Reverse-O1  v.split.Store(from)
//	Reverse-O2  t := v.top.Load()
//	Reverse-O3  t >= from: from = t+1, and element t is the owner's if v.top.CAS(t, t+1) succeeds
//	Reverse-O4  reverse the slots [from, bottom)
//	Reverse-O5  v.split.Store(bottom); push element t if it is the owner's
//
// From Reverse-O3 to Reverse-O5 no thief gets an element of [from, bottom), as in takeNewest. It
// would have to read top >= from at Take-T1. At Reverse-O2 top was still below that, because from
// is above t after Reverse-O3. So Take-T1, and with it Take-T2, comes after Reverse-O1, and reads a
// split that is not above top. A thief whose Take-T1 came earlier reads the slot of an element
// below from, which Reverse-O4 does not write. A thief whose Take-T2 comes after Reverse-O5 reads
// slots that are written. Owner and thief never both get element t, because both would have to move
// top from t.
