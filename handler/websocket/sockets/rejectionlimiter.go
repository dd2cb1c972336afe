package sockets

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync/atomic"
	"time"
)

// RejectionLimiter limits how often a client is rejected with a Close frame: a burst, then a constant rate. A client is an IPv4
// address or an IPv6 /64.
//
// It stores no clients. Its table has a fixed size (256 KiB). A secret hash of the client selects one cell in each of four
// rows, and the smallest value counts. Other clients share these cells. So no client is evicted, and a flood of addresses
// resets no count. A flood can limit other clients once it sends as many handshakes a second as a row has cells. These clients
// are then rejected by status, and only if they are rejected at all. It is safe for concurrent use, takes no lock, and does not
// allocate.
type RejectionLimiter struct {
	seed      maphash.Seed
	interval  int64 // nanoseconds
	tolerance int64 // how far a client may be ahead of its rate, in nanoseconds
	rows      [limiterRows][limiterCells]atomic.Int64
}

const (
	limiterRows  = 4
	limiterBits  = 13 // of the hash, for each row
	limiterCells = 1 << limiterBits
	maxInterval  = math.MaxInt64 / 4 // nanoseconds; no sum overflows
)

// NewRejectionLimiter allows a burst of rejections, and then one more in each interval. The burst is at least 1.
func NewRejectionLimiter(burst int, interval time.Duration) *RejectionLimiter {
	interval = min(max(interval, 1), maxInterval)
	ahead := min(int64(max(burst, 1)-1), maxInterval/int64(interval))
	return &RejectionLimiter{seed: maphash.MakeSeed(), interval: int64(interval), tolerance: ahead * int64(interval)}
}

// Allow counts a rejection of the client if it is within the rate. Otherwise it returns when the next one is. Rejections that
// are not allowed do not count. A cell holds the time up to which the counted rejections have used the rate (generic cell rate
// algorithm). Concurrent calls may pass together.
func (f *RejectionLimiter) Allow(client netip.Addr, now time.Time) (ok bool, retryAfter time.Duration) {
	hash := f.hash(client)
	var cells [limiterRows]*atomic.Int64
	used := int64(math.MaxInt64)
	for row := range cells {
		cells[row] = &f.rows[row][hash>>(row*limiterBits)%limiterCells]
		used = min(used, cells[row].Load())
	}
	used = max(used, now.UnixNano())
	if ahead := used - now.UnixNano(); ahead > f.tolerance {
		return false, time.Duration(ahead - f.tolerance)
	}
	for _, cell := range cells {
		storeMax(cell, used+f.interval)
	}
	return true, 0
}

func (f *RejectionLimiter) hash(client netip.Addr) uint64 {
	network := ClientNetwork(client).Addr().As16()
	return maphash.Bytes(f.seed, network[:])
}

// storeMax raises the cell to at least the value.
func storeMax(cell *atomic.Int64, value int64) {
	for {
		present := cell.Load()
		if present >= value || cell.CompareAndSwap(present, value) {
			return
		}
	}
}
