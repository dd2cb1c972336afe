package tunnel

import "sync"

// bufferSize is a size of what bytes pass through.
type bufferSize uint8

const (
	tinyBuffer  bufferSize = iota // for waiting with, where nothing else can be done
	smallBuffer                   // a message that fits into it never sees a large one
	largeBuffer
)

// bufferBytes are the sizes in bytes.
var bufferBytes = [...]int{tinyBuffer: 512, smallBuffer: 4 << 10, largeBuffer: 64 << 10}

// buffers are held while bytes flow.
var buffers = [...]sync.Pool{
	tinyBuffer:  newBuffers(tinyBuffer),
	smallBuffer: newBuffers(smallBuffer),
	largeBuffer: newBuffers(largeBuffer),
}

func newBuffers(size bufferSize) sync.Pool {
	return sync.Pool{New: func() any {
		buffer := make([]byte, bufferBytes[size])
		return &buffer
	}}
}

func takeBuffer(size bufferSize) *[]byte         { return buffers[size].Get().(*[]byte) }
func giveBuffer(size bufferSize, buffer *[]byte) { buffers[size].Put(buffer) }
