package tunnel

import "sync"

// bufferSize is a size of what bytes pass through.
type bufferSize uint8

const (
	tinyBuffer   bufferSize = iota // for waiting with, where nothing else can be done
	smallBuffer                    // a message that fits into it never sees a larger one
	recordBuffer                   // no read of a TLS connection yields more than one record
	largeBuffer
)

// bufferBytes are the sizes in bytes.
var bufferBytes = [...]int{tinyBuffer: 512, smallBuffer: 4 << 10, recordBuffer: 16 << 10, largeBuffer: 128 << 10}

// buffers are held while bytes flow.
var buffers = [...]sync.Pool{
	tinyBuffer:   newBuffers(tinyBuffer),
	smallBuffer:  newBuffers(smallBuffer),
	recordBuffer: newBuffers(recordBuffer),
	largeBuffer:  newBuffers(largeBuffer),
}

func newBuffers(size bufferSize) sync.Pool {
	return sync.Pool{New: func() any {
		buffer := make([]byte, bufferBytes[size])
		return &buffer
	}}
}

// next lets a buffer that was filled be followed by a larger one, up to the largest, and one of which little was used by a
// smaller one.
func (size bufferSize) next(n int, largest bufferSize) bufferSize {
	switch {
	case n == bufferBytes[size]:
		return min(size+1, largest)
	case n < bufferBytes[smallBuffer]:
		return min(size, smallBuffer)
	}
	return size
}

func takeBuffer(size bufferSize) *[]byte         { return buffers[size].Get().(*[]byte) }
func giveBuffer(size bufferSize, buffer *[]byte) { buffers[size].Put(buffer) }
