package tunnel

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// The close codes that the tunnel itself gives (RFC 6455, 7.4.1, and its registry).
const (
	codeGoingAway = 1001
	codeTooBig    = 1009
	codeInternal  = 1011
	codeRestart   = 1012
	codeTryLater  = 1013
)

// retryAfter is in the reason of codeTryLater, in the words that the gate has for a limit.
const retryAfter = "retry after 10 s"

// lingerTimeout is how long one direction may outlive the other when that has failed. A socket that is being closed needs up
// to a second of it.
const lingerTimeout = 2 * time.Second

// closeFrameTimeout is how long the application may take to take the Close frame that ends its side.
const closeFrameTimeout = 100 * time.Millisecond

// client is the client's end of a tunnel: a connection on HTTP/1.1, a stream on HTTP/2 and 3.
type client interface {
	io.WriteCloser
	CloseWrite() error
}

// tunnel is one open socket: two ends, two directions, and what its keeper has seen of them.
type tunnel struct {
	set    *Set
	socket *sockets.Socket
	host   *Host
	limits *limits

	client client
	app    net.Conn
	up     direction // from the client to the application
	down   direction // from the application to the client

	clientEnded    atomic.Bool   // the client has sent its last
	closing        atomic.Bool   // somebody has decided that both directions end
	openDirections atomic.Int32  // directions that have not ended
	done           chan struct{} // closed at the end
	index          int           // in the pool
	inspection     inspection
}

// limits are what a handler wants of its tunnels. They outlive the handler.
type limits struct {
	pingTicks   int    // silence of a side before it is pinged, and again before it is given up; 0: never
	stuckTicks  int    // how long a write may take
	lingerTicks int    // lingerTimeout
	maxFrame    uint64 // longest payload; 0: any
}

// connect puts the directions between the two ends.
func (t *tunnel) connect() {
	t.up.sink, t.down.sink = t.app, t.client
	t.up.stackGrown.Store(true) // a handshake has been read
	t.up.frames.limit, t.down.frames.limit = t.limits.maxFrame, t.limits.maxFrame
	if t.limits.pingTicks > 0 {
		toClient, toApp := newPinger(false), newPinger(true)
		t.up.sinkPinger, t.up.sourcePinger = toApp, toClient
		t.down.sinkPinger, t.down.sourcePinger = toClient, toApp
		t.up.touch, t.down.touch = t.socket.Touch, t.socket.Touch
		t.socket.IgnoreTraffic()
	}
}

// start runs both directions in goroutines of their own.
func (t *tunnel) start() {
	t.register()
	go t.runUp()
}

// runHere runs the tunnel to its end, and one direction of it in the goroutine that calls.
func (t *tunnel) runHere() {
	t.register()
	t.runUp()
	<-t.done
}

// register has the tunnel counted among the open ones, and starts what the application sends.
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
	if t.host.draining.Load() { // asked after it stands in the pool: a Drain sees it there, or it sees the Drain
		go t.goAway()
	}
}

// goAway ends the tunnel because this server stops, or has no use for the application any more.
func (t *tunnel) goAway() { t.closeWith(codeGoingAway, "the server is going away") }

func (t *tunnel) runUp() {
	err := t.up.run()
	switch {
	case err == errWoken:
		go t.runUp()
		return
	case isFrameError(err):
		t.closeWith(codeTooBig, err.Error())
	case isWriteError(err):
		// The application is gone, or has shut its ear. What it said before may still be on its way to the client.
		t.startLinger()
	default:
		t.upEnded(err)
		t.directionEnded()
		return
	}
	t.up.discardInput()
	t.directionEnded()
}

// upEnded passes the end of what the client sends on.
func (t *tunnel) upEnded(err error) {
	t.clientEnded.Store(true)
	if !errors.Is(err, io.EOF) || closeWrite(t.app) != nil {
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

// downEnded passes the end of what the application sends on. An application that leaves without a close frame is one
// that crashed or restarts: its clients are told to come back. Of a reset, whoever writes may have heard first: then only an
// end is left to be read.
func (t *tunnel) downEnded(err error) {
	switch {
	case isWriteError(err):
		t.closeBoth()
	case isFrameError(err):
		t.closeWith(codeInternal, "the application sent a frame that is too long")
	case t.up.closeSent.Load():
		// The client's Close frame was passed on. Daphne drops the connection then, and sends none. The end of the stream tells
		// the client that it was heard (RFC 6455, 5.5.1).
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
		t.closeWith(codeRestart, "the application went away")
	}
}

// halfClosed reports whether one direction has ended.
func (t *tunnel) halfClosed() bool { return t.up.ended.Load() || t.down.ended.Load() }

// closeWith tells the client why the tunnel ends, which the application did not, and ends it. Nothing is done if somebody
// has decided that before.
func (t *tunnel) closeWith(code sockets.Code, reason string) {
	if t.closing.Swap(true) {
		return
	}
	t.startLinger()
	t.socket.Close(code, reason)
	t.closeUpstream()
}

// socketClosed is called when the client has been told that the socket ends, by the gate or by us.
func (t *tunnel) socketClosed() {
	t.closing.Store(true)
	t.startLinger()
	t.closeUpstream()
}

// closeUpstream ends the application's side, with a Close frame if one can be sent at once.
func (t *tunnel) closeUpstream() {
	_ = t.app.SetWriteDeadline(time.Now().Add(closeFrameTimeout))
	t.up.sendCloseFrame()
	t.closeAppConn()
}

// closeApp ends the application's side, without waiting for what down still writes to the client: that is ended next, or is
// not ours to end.
func (t *tunnel) closeAppConn() {
	if t.down.ended.Load() {
		t.app.Close()
		return
	}
	go t.app.Close()
}

// startLinger leaves the tunnel a little time to end by itself.
func (t *tunnel) startLinger() { t.inspection.lingering.Store(true) }

// closeBoth ends both directions. It may be called at any time, and again. Where the client is being told something, it waits
// until that is done.
func (t *tunnel) closeBoth() {
	t.closing.Store(true)
	t.closeAppConn()
	t.client.Close()
}

// directionEnded ends the tunnel with its second direction.
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
