package tunnel

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"
)

// To net/http and to those who set options a transport is the TCP connection: files are sent by sendfile, and the end of what
// is sent can be told.
var _ interface {
	io.ReaderFrom
	syscall.Conn
	CloseWrite() error
	SetLinger(int) error
} = (*transport)(nil)

// TestReadAheadByTLS has TLS hold a message of which the kernel knows nothing any more, when the tunnel begins and is woken
// before it has read: it does not wait for another.
func TestReadAheadByTLS(t *testing.T) {
	t.Parallel()
	client, server := tlsPair(t, BelowTLS)
	first, second := text("first"), text("second")
	go func() { _, _ = client.Write(append(append(make([]byte, 0, 100), first...), second...)) }()
	if _, err := io.ReadFull(server, make([]byte, len(first))); err != nil {
		t.Fatal(err)
	}
	source := newDirectSource(server, server)
	source.wake()
	came := make(chan []byte, 1)
	pump := func() error {
		return source.pump(func(chunk []byte) error {
			came <- bytes.Clone(chunk)
			return nil
		})
	}
	if err := pump(); err != errWoken {
		t.Fatalf("pump = %v, want it woken", err)
	}
	ended := make(chan error)
	go func() { ended <- pump() }()
	select {
	case got := <-came:
		if !bytes.Equal(got, second) {
			t.Errorf("%q came, want %q", got, second)
		}
	case <-time.After(5 * time.Second):
		t.Error("what TLS held did not come")
	}
	source.wake()
	if err := <-ended; err != errWoken {
		t.Errorf("pump = %v, want it woken", err)
	}
}

// TestTransportAsksOnce has a message come: nothing is asked of the kernel but that message.
func TestTransportAsksOnce(t *testing.T) {
	t.Parallel()
	client, server := tlsPair(t, BelowTLS)
	if _, err := client.Write(text("hello")); err != nil {
		t.Fatal(err)
	}
	source := newDirectSource(server, server).(*directSource)
	source.unsure.Store(false) // as on Linux, where an end is told of
	got := make([]byte, 100)
	n, err := source.Read(got)
	if err != nil || !bytes.Equal(got[:n], text("hello")) {
		t.Fatalf("Read = %q, %v", got[:n], err)
	}
	if !source.below.empty {
		t.Error("the connection is not known to be empty")
	}
}
