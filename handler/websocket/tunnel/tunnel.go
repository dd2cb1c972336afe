package tunnel

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// retryAfter is part of the reason with [sockets.CodeTryLater]. The gate's limits use the same words.
const retryAfter = "retry after 10 s"

// lingerTimeout is how long one direction may continue after the other has failed. Closing a socket takes up to a second of it.
const lingerTimeout = 2 * time.Second

// closeFrameTimeout is how long an application may take to read on, so that it gets a Close frame. A socket that the gate cannot
// close at a frame boundary still ends within a second.
const closeFrameTimeout = 250 * time.Millisecond

// client is the client's side of a tunnel: a connection on HTTP/1.1, a stream on HTTP/2 and 3.
type client interface {
	io.WriteCloser
	CloseWrite() error
}

// tunnel is one open socket with its two directions.
type tunnel struct {
	set    *Set
	socket *sockets.Socket
	host   *Host
	limits *limits

	client client
	app    net.Conn
	up     direction // from the client to the application
	down   direction // from the application to the client

	clientEnded    atomic.Bool   // the client has sent EOF or failed
	closing        atomic.Bool   // both directions are being ended
	openDirections atomic.Int32  // directions that have not ended
	done           chan struct{} // closed when both directions have ended
	index          int           // in the set
	inspection     inspection
}

// limits are the handler's limits for its tunnels. They outlive the handler.
type limits struct {
	pingTicks   int    // silence of a side before a ping, and after it before the tunnel is closed; 0: no pings
	stuckTicks  int    // how long a write may make no progress
	lingerTicks int    // lingerTimeout
	maxFrame    uint64 // longest payload; 0: any
}

// connect joins the directions to both sides.
func (t *tunnel) connect() {
	t.up.sink, t.down.sink = t.app, t.client
	t.up.throttle = t.socket.HoldThrottle()
	t.up.stackGrown.Store(true) // this goroutine has read a handshake
	t.up.frames.limit, t.down.frames.limit = t.limits.maxFrame, t.limits.maxFrame
	if t.limits.pingTicks > 0 {
		toClient, toApp := newPinger(false), newPinger(true)
		t.up.sinkPinger, t.up.sourcePinger = toApp, toClient
		t.down.sinkPinger, t.down.sourcePinger = toClient, toApp
		t.up.touch, t.down.touch = t.socket.Touch, t.socket.Touch
		t.socket.IgnoreTraffic()
	}
}

// start runs both directions in their own goroutines.
func (t *tunnel) start() {
	t.register()
	go t.runUp()
}

// runHere runs the tunnel until it ends, with one direction in the caller's goroutine.
func (t *tunnel) runHere() {
	t.register()
	t.runUp()
	<-t.done
}

// register adds the tunnel to the set, and starts the direction from the application.
func (t *tunnel) register() {
	t.openDirections.Store(2)
	t.done = make(chan struct{})
	t.host.open.Add(1)
	t.set.add(t)
	t.socket.OnClose(t.socketClosed)
	go t.runDown()
	if t.host.Drained() {
		go t.restart()
		return
	}
	if t.host.draining.Load() != nil { // checked after the tunnel is in the set, so that a concurrent Drain misses no tunnel
		go t.goAway()
	}
}

// goAway closes the tunnel for the reason for which its host is drained.
func (t *tunnel) goAway() { t.closeWith(sockets.CodeGoingAway, *t.host.draining.Load()) }

func (t *tunnel) runUp() {
	err := t.up.run()
	switch {
	case err == errWoken:
		go t.runUp()
		return
	case isFrameError(err):
		t.closeWith(sockets.CodeTooBig, err.Error())
	case isThrottleError(err):
		t.closeThrottled(err)
	case isWriteError(err):
		// The application is gone or does not read. Bytes that it sent before may still be on their way to the client.
		t.startLinger()
	default:
		t.upEnded(err)
		t.directionEnded()
		return
	}
	t.up.discardInput()
	t.directionEnded()
}

// upEnded forwards the end of the client's input. If the gate or the tunnel closes the socket, the socket ends the client's side
// itself, and the application gets a Close frame before the end.
func (t *tunnel) upEnded(err error) {
	t.clientEnded.Store(true)
	switch {
	case t.closedByServer():
		t.closeApp()
	case !errors.Is(err, io.EOF) || closeWrite(t.app) != nil:
		t.closeBoth()
	}
}

func (t *tunnel) runDown() {
	err := t.down.run()
	if err == errWoken {
		go t.runDown()
		return
	}
	t.downEnded(err)
	t.directionEnded()
}

// downEnded forwards the end of the application's input. An application that disconnects without a Close frame has crashed or
// restarts, so the client gets a code that makes it reconnect. After a reset the writer may see the error first, and the reader
// then sees only EOF.
func (t *tunnel) downEnded(err error) {
	switch {
	case isWriteError(err):
		t.closeBoth()
	case isFrameError(err):
		t.closeWith(sockets.CodeInternal, "the application sent a frame that is too long")
	case t.up.closeSent.Load():
		// The client's Close frame was forwarded. Daphne then disconnects without a Close frame of its own. The end of the
		// stream completes the close for the client (RFC 6455, 5.5.1).
		t.startLinger()
		if t.client.CloseWrite() != nil {
			t.closeBoth()
		}
	case errors.Is(err, io.EOF) && (t.down.frames.closed || t.clientEnded.Load()):
		t.startLinger()
		if t.client.CloseWrite() != nil {
			t.closeBoth()
		}
	default:
		t.closeWith(sockets.CodeRestart, "the application disconnected")
	}
}

// closeThrottled closes the tunnel of a client that may send no more. Otherwise the socket was being closed already, while the
// client was slowed.
func (t *tunnel) closeThrottled(err error) {
	var exceeded *sockets.RateError
	if errors.As(err, &exceeded) {
		t.closeWith(exceeded.Code, exceeded.Error())
	}
}

// halfClosed reports whether one direction has ended.
func (t *tunnel) halfClosed() bool { return t.up.ended.Load() || t.down.ended.Load() }

// closeWith closes the tunnel with a code for the client. It does nothing if the tunnel is being ended already.
func (t *tunnel) closeWith(code sockets.Code, reason string) {
	if t.closing.Swap(true) {
		return
	}
	t.startLinger()
	t.socket.Close(code, reason)
	go t.closeApp()
}

// socketClosed is called when the client has received the Close frame of the gate or the tunnel.
func (t *tunnel) socketClosed() {
	t.closing.Store(true)
	t.startLinger()
	go t.closeApp()
}

// closedByServer reports whether the gate or the tunnel closes the socket.
func (t *tunnel) closedByServer() bool {
	_, closed := t.socket.Closed()
	return closed
}

// closeApp closes the connection to the application. If the gate or the tunnel closes the socket, the application gets a Close
// frame first, whichever goroutine comes first. closeApp does not wait for a blocked write to the client, which the caller
// interrupts later or must not interrupt.
func (t *tunnel) closeApp() {
	if t.closedByServer() {
		_ = t.app.SetWriteDeadline(time.Now().Add(closeFrameTimeout)) // also for a write that is blocked
		t.up.sendCloseFrame()
	}
	if t.down.ended.Load() {
		t.app.Close()
		return
	}
	go t.app.Close()
}

// startLinger starts lingerTimeout.
func (t *tunnel) startLinger() { t.inspection.lingering.Store(true) }

// closeBoth ends both directions. It may be called repeatedly and concurrently. If a Close frame is being sent to the client,
// it waits for that.
func (t *tunnel) closeBoth() {
	t.closing.Store(true)
	t.closeApp()
	t.client.Close()
}

// directionEnded ends the tunnel when its second direction has ended.
func (t *tunnel) directionEnded() {
	if t.openDirections.Add(-1) > 0 {
		return
	}
	t.closeBoth()
	t.set.remove(t)
	t.host.open.Add(-1)
	t.socket.End()
	close(t.done)
}

func isFrameError(err error) bool {
	var long *frameTooLongError
	return errors.As(err, &long) || errors.Is(err, errFrameLength)
}
