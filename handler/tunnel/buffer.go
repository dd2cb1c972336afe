package tunnel

import "sync"

// The sizes of what bytes pass through, in bytes. A message that fits into a small buffer never sees a large one.
const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

// Buffers are held while bytes flow, and by nobody who waits.
var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)
