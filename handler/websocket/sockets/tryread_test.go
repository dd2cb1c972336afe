package sockets

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestTryRead reads the client's Close frame after the gate's by a read that does not block. The client's frame ends the socket
// before the timeout.
func TestTryRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		r := NewRegistry(time.Now)
		ended := make(endings, 10)
		s := open(t, r, Info{Owner: ended})
		conn := upgraded(t, s, server).(Conn)
		buffer := make([]byte, 100)
		go func() { _, _ = client.Write(masked(1, []byte("hello"))) }()
		if n, err := conn.TryRead(server, buffer); n != len(masked(1, []byte("hello"))) || err != nil {
			t.Fatalf("TryRead = %d, %v", n, err)
		}
		started := time.Now()
		n, err := conn.TryRead(readerFunc(func(p []byte) (int, error) {
			s.Close(4401, "revoked")
			if _, err := io.ReadFull(client, make([]byte, len(closeFrame(4401, "revoked")))); err != nil {
				t.Error(err)
			}
			go func() { _, _ = client.Write(maskedClose(4401, "")) }()
			for !s.closeFrameSent() {
				time.Sleep(time.Millisecond)
			}
			return server.Read(p)
		}), buffer)
		if n != 0 || !errors.Is(err, ErrClosing) {
			t.Errorf("TryRead of what the client sends after the Close frame = %d, %v, want ErrClosing", n, err)
		}
		if n, err := conn.TryRead(server, buffer); n != 0 || !errors.Is(err, ErrClosing) {
			t.Errorf("TryRead of a closed socket = %d, %v, want ErrClosing", n, err)
		}
		if _, err := conn.Read(buffer); err != io.EOF {
			t.Errorf("Read = %v, want EOF", err)
		}
		conn.Close()
		if took := time.Since(started); took > closeTimeout/2 {
			t.Errorf("the end came after %s, though the client had answered", took)
		}
		s.End()
		if e := soon(t, "the end", ended); e.In != int64(len(masked(1, []byte("hello")))+len(maskedClose(4401, ""))) {
			t.Errorf("%d bytes were counted from the client", e.In)
		}
	})
}

// TestTryReadOfAnEarlyCloseFrame reads the client's Close frame before the gate knows that its own was sent. Reads do not block,
// and the client's frame ends the socket.
func TestTryReadOfAnEarlyCloseFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		s := open(t, NewRegistry(time.Now), Info{})
		conn := upgraded(t, s, server).(Conn)
		buffer := make([]byte, 100)
		go func() {
			_, _ = client.Write(maskedClose(4401, ""))
			_, _ = io.Copy(io.Discard, client)
		}()
		if n, err := conn.TryRead(server, buffer); n != len(maskedClose(4401, "")) || err != nil {
			t.Fatalf("TryRead = %d, %v", n, err)
		}
		closing, link, _ := s.beginClose(4401, "revoked")
		read := make(chan error, 1)
		go func() {
			_, err := conn.Read(buffer)
			read <- err
		}()
		if err := soon(t, "the end of reading", read); err != io.EOF {
			t.Errorf("Read = %v, want EOF", err)
		}
		started := time.Now()
		s.runClose(closing, link)
		if took := time.Since(started); took > closeTimeout/2 {
			t.Errorf("the end came after %s, though the client had answered", took)
		}
		s.End()
	})
}
