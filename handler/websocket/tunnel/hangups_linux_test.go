package tunnel

import (
	"net"
	"testing"
)

// A connection may be closed, by the gate or by its end, between its handshake and the moment in which it would be watched.
func TestForgetsWhatWasNeverWatched(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	h := newHangups()
	defer h.close()
	source := newDirectSource(conn, conn)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	h.watch(source)
	h.forget(source)
}
