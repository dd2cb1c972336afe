package directread

import (
	"bytes"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

// A transport offers what net/http and others use of a TCP connection: sendfile, half-close and options.
var _ interface {
	io.ReaderFrom
	syscall.Conn
	CloseWrite() error
	SetLinger(int) error
} = (*transport)(nil)

// TestReadAheadByTLS has TLS hold a message that the kernel no longer has, when the source starts and is woken before it has
// read: the source passes the message on and does not wait for another.
func TestReadAheadByTLS(t *testing.T) {
	t.Parallel()
	client, server := tlsPair(t)
	first, second := []byte("first"), []byte("second")
	go func() { _, _ = client.Write(append(append(make([]byte, 0, 100), first...), second...)) }()
	if _, err := io.ReadFull(server, make([]byte, len(first))); err != nil {
		t.Fatal(err)
	}
	source := newSource(t, server)
	source.Wake()
	sink := &collector{came: make(chan int, 10)}
	if err := source.Pump(sink.take); err != os.ErrDeadlineExceeded {
		t.Fatalf("Pump = %v, want it woken", err)
	}
	ended := pumpToEnd(source, sink)
	soon := time.After(testwait.Limit)
	select {
	case <-sink.came:
	case <-soon:
		t.Fatal("what TLS held did not come")
	}
	client.Close()
	if err := <-ended; err != io.EOF || !bytes.Equal(sink.all, second) {
		t.Errorf("read %q, then %v, want %q and EOF", sink.all, err, second)
	}
}

// TestTransportReadsOnce reads a message over TLS with one read of the TCP connection.
func TestTransportReadsOnce(t *testing.T) {
	t.Parallel()
	client, server := tlsPair(t)
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	source := newSource(t, server)
	source.mayEnd.Store(false) // as on Linux after watch
	got := make([]byte, 100)
	n, err := source.Read(got)
	if err != nil || !bytes.Equal(got[:n], []byte("hello")) {
		t.Fatalf("Read = %q, %v", got[:n], err)
	}
	if !source.tcp.empty {
		t.Error("the connection is not known to be empty")
	}
}
