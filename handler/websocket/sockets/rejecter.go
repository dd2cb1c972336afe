package sockets

import (
	"crypto/sha1" // RFC 6455, 4.2.2 requires SHA-1; it protects nothing
	"encoding/base64"
	"io"
	"net/http"
	"time"
)

// Rejecter rejects handshakes so that browser scripts can read the reason. It completes the handshake, sends a Close frame, and
// closes the connection. Scripts cannot see the status of a failed handshake.
type Rejecter struct {
	slots   chan struct{}
	timeout time.Duration // of one rejection
}

// Defaults of a [Rejecter].
const (
	// DefaultMaxRejections is the maximum number of concurrent rejections.
	DefaultMaxRejections = 1000
	// rejectTimeout is the timeout of one rejection: the client may respond to the Close frame for so long.
	rejectTimeout = 2 * time.Second
)

// NewRejecter returns a Rejecter that holds at most this number of connections at a time. 0 means [DefaultMaxRejections].
func NewRejecter(most int) *Rejecter {
	if most <= 0 {
		most = DefaultMaxRejections
	}
	return &Rejecter{slots: make(chan struct{}, most), timeout: rejectTimeout}
}

// Reject completes the WebSocket handshake r with the subprotocol, which may be empty, and closes the socket with code and
// reason. It returns when the connection is closed, after two seconds at most. It writes nothing and returns false if there are
// too many concurrent rejections or the handshake cannot be completed. The caller must then reject by status. r must be a valid
// handshake.
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
	header["Sec-WebSocket-Accept"] = []string{AcceptValue(r.Header.Get("Sec-WebSocket-Key"))}
	selectSubprotocol(header, subprotocol)
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return true // 101 may have been sent
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
	_ = controller.SetWriteDeadline(time.Time{}) // an expired deadline would reset the stream of HTTP/2
	_ = controller.SetReadDeadline(deadline)
	readUntilClose(r.Body)
}

func selectSubprotocol(header http.Header, subprotocol string) {
	if subprotocol != "" {
		header["Sec-WebSocket-Protocol"] = []string{subprotocol}
	}
}

// readUntilClose drops what the client sends until its Close frame, EOF, or the deadline.
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

// AcceptValue returns the Sec-WebSocket-Accept for the Sec-WebSocket-Key of a handshake (RFC 6455, 4.2.2).
func AcceptValue(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
