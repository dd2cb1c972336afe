package sockets

import (
	"net"
	"testing"
	"time"
)

// Ends by the client or the application are recorded as such.
func TestSideThatEndedTheSocket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why string
		end       func(s *Socket, client net.Conn, app net.Conn)
		by        string
		code      Code
	}{
		{"client", "its Close frame comes first", func(_ *Socket, client, app net.Conn) {
			_, _ = client.Write(maskedClose(4000, "done"))
			readFrame(app)
			_, _ = app.Write(closeFrame(4000, ""))
		}, "client", 4000},
		{"client without a code", "1005 says that there was none", func(_ *Socket, client, app net.Conn) {
			_, _ = client.Write(masked(opcodeClose, nil))
			readFrame(app)
		}, "client", CodeNoStatus},
		{"application", "its Close frame comes first", func(_ *Socket, client, app net.Conn) {
			_, _ = app.Write(closeFrame(1011, "error"))
			_, _ = client.Write(maskedClose(1011, ""))
			readFrame(app)
		}, "application", 1011},
		{"application, then gate", "one Close frame is enough", func(s *Socket, client, app net.Conn) {
			_, _ = app.Write(closeFrame(1011, "error"))
			closeAndWait(s, 4401, "revoked")
		}, "application", 1011},
		{"client breaks off", "no Close frame: 1006", func(_ *Socket, client, app net.Conn) {
			client.Close()
			_, _ = app.Read(make([]byte, 1))
		}, "transport", CodeAbnormal},
		{"application breaks off", "no Close frame either", func(_ *Socket, client, app net.Conn) {
			_, _ = app.Write(frame(1, []byte("x")))
		}, "transport", CodeAbnormal},
		{"a reader that looks in", "its deadline is no end", func(_ *Socket, client, app net.Conn) {
			_ = app.SetReadDeadline(time.Unix(1, 0))
			_, _ = app.Read(make([]byte, 1))
			_ = app.SetReadDeadline(time.Time{})
			_, _ = client.Write(maskedClose(4000, "done"))
			readFrame(app)
		}, "client", 4000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(time.Now)
			ended := make(endings, 10)
			client, server := tcpPair(t)
			s := open(t, r, Info{Owner: ended})
			conn := upgraded(t, s, server)
			c.end(s, client, conn)
			conn.Close()
			s.End()
			if e := soon(t, c.name, ended); e.By != c.by || e.Code != c.code {
				t.Errorf("ended by %s with %d, want %s, %d (%s)", e.By, e.Code, c.by, c.code, c.why)
			}
			client.Close()
		})
	}
}

func readFrame(c net.Conn) {
	var f frames
	buffer := make([]byte, 1)
	for f.advance(nil); !f.atBoundary() || f == (frames{}); {
		if _, err := c.Read(buffer); err != nil {
			return
		}
		f.advance(buffer)
		if f.atBoundary() {
			return
		}
	}
}
