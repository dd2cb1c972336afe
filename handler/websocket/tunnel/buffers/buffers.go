// Package buffers pools the buffers of tunnels. Idle tunnels hold none.
package buffers

import "sync"

// Size is a buffer size.
type Size uint8

// The sizes.
const (
	Tiny   Size = iota // 512 bytes: for waits that need a buffer
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

// Next returns the size for the read that follows a read of n bytes. It is larger if the buffer was filled, up to largest, and
// smaller if the buffer was almost empty.
func (size Size) Next(n int, largest Size) Size {
	switch {
	case n == bytes[size]:
		return min(size+1, largest)
	case n < bytes[Small]:
		return min(size, Small)
	}
	return size
}

// Take returns a buffer. The caller returns it with [Give].
func Take(size Size) *[]byte { return pools[size].Get().(*[]byte) }

// Give puts a buffer of [Take] back into the pool.
func Give(size Size, buffer *[]byte) { pools[size].Put(buffer) }
