package pages

import "sync"

// These constants bound what is held of a compressed response.
const (
	maxRaw     = 64 << 10  // as the handler wrote it
	maxDecoded = 256 << 10 // without content coding
)

// buffers are reused, since most compressed pages are held whole.
type buffers struct{ seen, raw []byte }

var buffersPool = sync.Pool{New: func() any { return new(buffers) }}

// release drops what was held.
func (w *writer) release() {
	if w.buffers != nil {
		// One write of a zstd decoder can be much longer than maxDecoded.
		if cap(w.seen) <= 2*maxDecoded {
			w.buffers.seen = w.seen[:0]
		}
		w.buffers.raw = w.raw[:0]
		buffersPool.Put(w.buffers)
		w.buffers = nil
	}
	w.seen, w.raw = nil, nil
}

// writeEncoded passes compressed bytes to the decoder. If they cannot be decoded and nothing was sent yet, the response passes
// untouched. Once stamped bytes were sent, an error ends the response: the client cannot continue decoded bytes with compressed
// ones, and must not take a part of the page for the whole.
func (w *writer) writeEncoded(data []byte) (int, error) {
	err := w.decoder.write(data)
	switch {
	case w.state == passing, w.state == candidate && err != nil:
		return len(data), w.passRaw(data)
	case w.state == candidate && len(w.raw)+len(data) <= maxRaw:
		w.raw = append(w.raw, data...)
	case w.state == candidate && len(w.seen) == 0:
		return len(data), w.passRaw(data)
	case w.state == candidate:
		err = w.begin(true)
	}
	if err != nil {
		return 0, err
	}
	return len(data), nil
}

// passRaw lets a compressed response pass untouched from its first byte on. The last bytes of it are not in raw.
func (w *writer) passRaw(last []byte) error {
	w.state = passing
	w.decoder.abandon()
	w.decoder = nil
	defer w.release()
	w.ResponseWriter.WriteHeader(w.status)
	for _, part := range [][]byte{w.raw, last} {
		if len(part) == 0 {
			continue
		}
		if _, err := w.ResponseWriter.Write(part); err != nil {
			return err
		}
	}
	return nil
}
