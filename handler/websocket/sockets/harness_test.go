package sockets

import (
	"encoding/binary"
	"net"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/scan2food/usher/internal/testwait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frame returns an unmasked frame, as a server sends it.
func frame(opcode byte, payload []byte) []byte {
	return append(frameHead(opcode, 0, len(payload)), payload...)
}

// masked returns a frame as a client sends it.
func masked(opcode byte, payload []byte) []byte {
	key := []byte{0x12, 0x34, 0x56, 0x78}
	encoded := append(frameHead(opcode, maskBit, len(payload)), key...)
	for i, b := range payload {
		encoded = append(encoded, b^key[i%4])
	}
	return encoded
}

func frameHead(opcode, mask byte, length int) []byte {
	head := []byte{finBit | opcode}
	switch {
	case length < 126:
		return append(head, mask|byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(head, mask|126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(head, mask|127), uint64(length))
	}
}

// maskedClose returns a client's Close frame.
func maskedClose(code Code, reason string) []byte {
	return masked(opcodeClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// tcpPair returns both ends of a connection.
func tcpPair(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dialed.Close()
		accepted.Close()
	})
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// open registers a socket, over HTTP/1.1 unless info has another version.
func open(t testing.TB, r *Registry, info Info) *Socket {
	t.Helper()
	if info.Protocol == "" {
		info.Protocol = "HTTP/1.1"
	}
	s, err := r.Open(info, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	return s
}

// upgraded opens the socket over the connection.
func upgraded(t testing.TB, s *Socket, server net.Conn) net.Conn {
	t.Helper()
	s.recordStatus(http.StatusSwitchingProtocols)
	return s.Conn(server)
}

// endings is an Owner that passes on the events of ended sockets.
type endings chan EndedEvent

func (endings) Opened(*Socket) {}

func (e endings) Ended(ended EndedEvent) { e <- ended }

// soon fails the test if the event does not come within testwait.Limit.
func soon[T any](t testing.TB, what string, event <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-event:
	case <-time.After(testwait.Limit):
		t.Fatalf("%s: did not come", what)
	}
	return got
}
