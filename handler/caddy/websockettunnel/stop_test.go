//go:build unix

package websockettunnel_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A stopping process closes every socket with 1001 before it ends.
func TestStopClosesEverySocket(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	process := testsite.StartTunnelProcess(t, app.Addr, "drain 500ms")
	site := &testsite.Site{Addr: process.Addr}
	conns := make([]net.Conn, 50)
	for i := range conns {
		conns[i], _ = openTunnel(t, site)
	}
	process.Terminate(t)
	for i, conn := range conns {
		if got, err := io.ReadAll(conn); err != nil || closeCodeOf(got) != 1001 || !bytes.HasSuffix(got, []byte("the server is going away")) {
			t.Errorf("socket %d read %q, %v, want a Close frame with 1001 since the server stops", i, got, err)
		}
	}
	process.ExpectStopped(t)
}

// A stopping process spreads the closes over drain: after the first socket is closed, the second still echoes.
func TestStopSpreadsCloses(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	process := testsite.StartTunnelProcess(t, app.Addr, "drain 1h") // the second close is due after half an hour
	site := &testsite.Site{Addr: process.Addr}
	type beginning struct {
		socket int
		bytes  []byte
	}
	conns, read := make([]net.Conn, 2), make(chan beginning, 2)
	for i := range conns {
		conns[i], _ = openTunnel(t, site)
		echoes(t, conns[i], "hello") // a socket that opens during the stop is closed at once
	}
	process.Terminate(t)
	for i, conn := range conns {
		go func() {
			got := make([]byte, 4)
			_, _ = io.ReadFull(conn, got)
			read <- beginning{i, got}
		}()
	}
	first := <-read
	if closeCodeOf(first.bytes) != 1001 {
		t.Fatalf("socket %d read %q, want a Close frame with 1001", first.socket, first.bytes)
	}
	message := testsite.Masked("still open")
	if _, err := io.WriteString(conns[1-first.socket], message); err != nil {
		t.Fatal(err)
	}
	if second := <-read; string(second.bytes) != message[:4] {
		t.Errorf("socket %d read %q after the first close, want its echo", second.socket, second.bytes)
	}
}

// closeCodeOf returns the code of a Close frame at the beginning of got, 0 if there is none.
func closeCodeOf(got []byte) int {
	if len(got) < 4 || got[0] != 0x88 {
		return 0
	}
	return int(got[2])<<8 | int(got[3])
}
