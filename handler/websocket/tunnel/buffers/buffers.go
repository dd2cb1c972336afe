// Package buffers holds the buffers that bytes of tunnels pass through. An idle tunnel holds none.
package buffers

import "sync"

// Size is a size of buffers.
type Size uint8

// The sizes.
const (
	Tiny   Size = iota // 512 bytes: held while waiting, where a wait needs a buffer
	Small              // 4 KiB: most messages fit
	Record             // 16 KiB: one record of TLS
	Large              // 128 KiB
)

var bytes = [...]int{Tiny: 512, Small: 4 << 10, Record: 16 << 10, Large: 128 << 10}

var pools = [...]sync.Pool{Tiny: newPool(Tiny), Small: newPool(Small), Record: newPool(Record), Large: newPool(Large)}

func newPool(size Size) sync.Pool {
	return sync.Pool{New: func() any {
		buffer := make([]byte, bytes[size])
		return &buffer
	}}
}

// Bytes returns the number of bytes in a buffer of this size.
func (size Size) Bytes() int { return bytes[size] }

// Next returns the size for the read after one of n bytes: larger after a buffer that was filled, up to largest, and
// smaller after one that was almost empty.
func (size Size) Next(n int, largest Size) Size {
	switch {
	case n == bytes[size]:
		return min(size+1, largest)
	case n < bytes[Small]:
		return min(size, Small)
	}
	return size
}

// Take returns a buffer, which [Give] takes back.
func Take(size Size) *[]byte { return pools[size].Get().(*[]byte) }

// Give returns a buffer that [Take] returned.
func Give(size Size, buffer *[]byte) { pools[size].Put(buffer) }
