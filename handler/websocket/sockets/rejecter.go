package sockets

import (
	"crypto/sha1" // RFC 6455, 4.2.2 wants SHA-1; nothing is protected by it
	"encoding/base64"
	"io"
	"net/http"
	"time"
)

// Rejecter refuses handshakes in a way that scripts in a browser can read: it completes the handshake, sends a Close frame,
// and ends the connection. The status of a refused handshake they never see.
type Rejecter struct {
	slots   chan struct{}
	timeout time.Duration // how long one closing may take
}

// Defaults of a [Rejecter].
const (
	// DefaultMaxRejections is how many closings there may be at a time.
	DefaultMaxRejections = 1000
	// rejectTimeout is how long one may take: the client has that long to answer the Close frame.
	rejectTimeout = 2 * time.Second
)

// NewRejecter returns a Rejecter that holds at most so many connections at a time; 0 means [DefaultMaxRejections].
func NewRejecter(most int) *Rejecter {
	if most <= 0 {
		most = DefaultMaxRejections
	}
	return &Rejecter{slots: make(chan struct{}, most), timeout: rejectTimeout}
}

// Reject completes the WebSocket handshake r with the subprotocol, if it is not empty, and closes with code and reason. It
// returns when the connection is over, after two seconds at the latest. False means that nothing was written, because
// there are too many closings already or the handshake cannot be completed: it is to be refused by status. r must have
// been found to be a valid handshake.
func (c *Rejecter) Reject(w http.ResponseWriter, r *http.Request, subprotocol string, code Code, reason string) (done bool) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	default:
		return false
	}
	frame := closeFrame(code, reason)
	deadline := time.Now().Add(c.timeout)
	if r.ProtoMajor > 1 {
		rejectStream(w, r, subprotocol, frame, deadline)
		return true
	}
	return rejectUpgrade(w, r, subprotocol, frame, deadline)
}

func rejectUpgrade(w http.ResponseWriter, r *http.Request, subprotocol string, frame []byte, deadline time.Time) (done bool) {
	if _, ok := InnermostWriter(w).(http.Hijacker); !ok || r.Header.Get("Sec-WebSocket-Key") == "" {
		return false
	}
	header := w.Header()
	header["Connection"] = []string{"Upgrade"}
	header["Upgrade"] = []string{"websocket"}
	header["Sec-WebSocket-Accept"] = []string{AcceptValue(r)}
	selectSubprotocol(header, subprotocol)
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return true // 101 may be out already
	}
	defer conn.Close()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write(frame); err != nil {
		return true
	}
	closeWriteAll(conn)
	readUntilClose(buffered)
	return true
}

func rejectStream(w http.ResponseWriter, r *http.Request, subprotocol string, frame []byte, deadline time.Time) {
	controller := http.NewResponseController(w)
	_ = controller.SetWriteDeadline(deadline)
	selectSubprotocol(w.Header(), subprotocol)
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(frame); err != nil || controller.Flush() != nil {
		return
	}
	_ = controller.SetWriteDeadline(time.Time{}) // on HTTP/2 it would reset the stream
	_ = controller.SetReadDeadline(deadline)
	readUntilClose(r.Body)
}

func selectSubprotocol(header http.Header, subprotocol string) {
	if subprotocol != "" {
		header["Sec-WebSocket-Protocol"] = []string{subprotocol}
	}
}

// readUntilClose drops what the client sends until its own Close frame, its end, or the deadline.
func readUntilClose(from io.Reader) {
	var client frames
	buffer := make([]byte, 512)
	for !client.closed {
		n, err := from.Read(buffer)
		client.advance(buffer[:n])
		if err != nil {
			return
		}
	}
}

// AcceptValue is the Sec-WebSocket-Accept that answers a handshake (RFC 6455, 4.2.2).
func AcceptValue(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
