package sockets

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// throttledReads are the reads of a proxy, which knows of no throttle.
type throttledReads struct {
	mutex   sync.Mutex
	waiting []byte // came from the client and may not pass yet
	err     error  // came with these bytes
}

// read passes on what may pass. It closes the socket if the client may send no more, and then drops what still comes.
func (t *Throttle) read(from io.Reader, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	t.reads.mutex.Lock()
	defer t.reads.mutex.Unlock()
	waited := len(t.reads.waiting) > 0
	if !waited {
		if err := t.reads.err; err != nil {
			t.reads.err = nil
			return 0, err
		}
		n, err := t.socket.readAll(from, p)
		if n == 0 {
			return 0, err
		}
		t.reads.waiting, t.reads.err = p[:n], err
	}
	n, err := t.Take(t.reads.waiting[:min(len(t.reads.waiting), len(p))])
	if err != nil {
		t.reads.waiting = nil
		return 0, t.drop(from, p, err)
	}
	copy(p, t.reads.waiting[:n])
	t.reads.waiting = t.reads.waiting[n:]
	switch {
	case len(t.reads.waiting) == 0:
		t.reads.waiting = nil // its array may be large
	case !waited:
		t.reads.waiting = bytes.Clone(t.reads.waiting) // the array is the caller's
	}
	return n, nil
}

// drop closes the socket after a RateError, and reads until the connection ends. It returns why it ended.
func (t *Throttle) drop(from io.Reader, p []byte, err error) error {
	var exceeded *RateError
	if errors.As(err, &exceeded) {
		t.socket.Close(exceeded.Code, exceeded.Error())
	}
	for err = nil; err == nil; {
		_, err = t.socket.readAll(from, p)
	}
	return err
}
