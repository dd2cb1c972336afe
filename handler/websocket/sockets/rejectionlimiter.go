package sockets

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync/atomic"
	"time"
)

// RejectionLimiter bounds how often one client is refused at length: so many times in a burst, then once in a while. A client is
// an IPv4 address or an IPv6 /64.
//
// It keeps no client. A table of fixed size (256 KiB) holds times, four of which, in places that a secret hash of the
// client chooses, belong to each client together with others; the least of them counts. So nobody is ever forgotten to
// make room, and no flood of addresses resets anybody's count. What a flood can do, once it goes on with as many refusals
// a second as the table has places in a row, is have clients bounded that did nothing: they lose the length of their
// refusals, and only if they are refused at all. It is safe for concurrent use, takes no lock and does not allocate.
type RejectionLimiter struct {
	seed      maphash.Seed
	interval  int64 // nanoseconds
	tolerance int64 // nanoseconds that a client may be ahead of its time
	rows      [limiterRows][limiterCells]atomic.Int64
}

const (
	limiterRows  = 4
	limiterBits  = 13 // of the hash for each row
	limiterCells = 1 << limiterBits
	maxInterval  = math.MaxInt64 / 4 // nanoseconds; so that no sum overflows
)

// NewRejectionLimiter allows burst refusals at once, and one more each time every has passed. Burst is at least 1.
func NewRejectionLimiter(burst int, interval time.Duration) *RejectionLimiter {
	interval = min(max(interval, 1), maxInterval)
	ahead := min(int64(max(burst, 1)-1), maxInterval/int64(interval))
	return &RejectionLimiter{seed: maphash.MakeSeed(), interval: int64(interval), tolerance: ahead * int64(interval)}
}

// Allow counts a refusal of the client, if there is room for one, and else says when there will be. Refusals that are
// not allowed do not count. (It is the generic cell rate algorithm: a place holds the time up to which the refusals so
// far have used up the rate.) Refusals at the very same moment may pass together.
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
	network := clientNetwork(client).Addr().As16()
	return maphash.Bytes(f.seed, network[:])
}

// storeMax sets the place to at least that, and leaves what others have raised higher.
func storeMax(cell *atomic.Int64, value int64) {
	for {
		present := cell.Load()
		if present >= value || cell.CompareAndSwap(present, value) {
			return
		}
	}
}
