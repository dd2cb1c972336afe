package deltas

// MaxPending is how many deltas may be awaited.
const MaxPending = maxPending
