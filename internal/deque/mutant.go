package deque

// A mutant names a bug that the model tests plant in the protocol, to prove that they would find
// it.
type mutant uint8

const (
	sound                mutant = iota
	takeLoadsTopFirst           // the owner's take loads top before it stores split
	takeSkipsCAS                // the owner takes the last shared element without the CAS on top
	pushPublishesFirst          // Push stores split before the slot
	exposeOvershoots            // Expose publishes one element too many for a moment
	growPublishesFirst          // grow stores the ring before it has copied the elements
	growTooLate                 // the owner takes the ring to be one slot larger than it is
	stealLoadsRingFirst         // a thief loads the ring before split
	batchReadsAfterCAS          // a FIFO batch reads its slots after the CAS
	batchClaimsLIFO             // a LIFO batch claims all its elements with one CAS
	sweepOvershoots             // the owner clears one slot too many
	reverseKeepsOldest          // ReverseNewest does not claim the oldest element before moving it
	reverseSkipsCAS             // ReverseNewest takes the oldest element without the CAS on top
	askClearsAfterExpose        // Expose lowers want after it has moved split
)
