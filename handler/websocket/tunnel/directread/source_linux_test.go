package directread

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/handler/websocket/tunnel/buffers"
	"github.com/scan2food/usher/internal/testwait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connPair is a connection's two ends.
func connPair(t *testing.T, network string) (ours, theirs net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "socket")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if ours, err = net.Dial(network, listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
	})
	return ours, theirs
}

// newSource returns a source of the connection.
func newSource(t *testing.T, conn net.Conn) *Source {
	t.Helper()
	reader := new(Reader)
	source := reader.Source(conn, conn)
	if source == nil {
		t.Fatal("the connection cannot be read directly")
	}
	t.Cleanup(func() {
		if source.watched || reader.watched != 0 || reader.poller != nil {
			t.Error("the source has ended and is still watched")
		}
	})
	return source
}

// reportWaits returns a channel that gets a value each time that a read of the source has found nothing, so that the source waits.
func reportWaits(s *Source) <-chan struct{} {
	waits := make(chan struct{}, 100)
	try := s.try
	s.try = func(descriptor uintptr) bool {
		done := try(descriptor)
		if !done {
			waits <- struct{}{}
		}
		return done
	}
	return waits
}

// waitForRuntime returns when the runtime has been notified of all that has happened to connections. The kernel reports events in
// order, so the test waits for an event of its own.
func waitForRuntime(t *testing.T) {
	t.Helper()
	ours, theirs := connPair(t, "unix")
	raw, _ := rawConn(ours)
	written := false
	if err := raw.Read(func(uintptr) bool {
		if written {
			return true
		}
		written = true
		_, _ = theirs.Write([]byte("x")) // not before, since Read forgets earlier notifications
		return false
	}); err != nil {
		t.Fatal(err)
	}
}

// collector keeps what it gets.
type collector struct {
	all  []byte
	came chan int // how much is there, after each chunk
}

func (c *collector) take(chunk []byte) error {
	c.all = append(c.all, chunk...)
	c.came <- len(c.all)
	return nil
}

// pumpToEnd runs the source to its end.
func pumpToEnd(source *Source, sink *collector) <-chan error {
	ended := make(chan error, 1)
	go func() {
		for {
			if err := source.Pump(sink.take); err != nil && err != os.ErrDeadlineExceeded {
				ended <- err
				return
			}
		}
	}()
	return ended
}

// TestEndWithBytes has the end of a connection follow bytes at once, so that the runtime reports both in one edge. The read that
// takes the bytes does not see the end, and no edge follows.
func TestEndWithBytes(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		for _, c := range []struct {
			name string
			end  func(net.Conn)
		}{
			{"close", func(conn net.Conn) { conn.Close() }},
			{"half-close", func(conn net.Conn) { _ = conn.(interface{ CloseWrite() error }).CloseWrite() }},
		} {
			for _, waits := range []bool{false, true} {
				for range 20 {
					ours, theirs := connPair(t, network)
					source := newSource(t, ours)
					waiting := reportWaits(source)
					sink := &collector{came: make(chan int, 10)}
					if !waits {
						_, _ = theirs.Write([]byte("last words"))
						c.end(theirs)
						waitForRuntime(t)
					}
					ended := pumpToEnd(source, sink)
					if waits {
						<-waiting
						_, _ = theirs.Write([]byte("last words"))
						c.end(theirs)
					}
					select {
					case err := <-ended:
						if err != io.EOF || string(sink.all) != "last words" {
							t.Fatalf("%s of %s: read %q, then %v", c.name, network, sink.all, err)
						}
					case <-time.After(testwait.Limit):
						t.Fatalf("%s of %s, the source waits first: %v: the end is not seen", c.name, network, waits)
					}
				}
			}
		}
	}
}

// TestEndIsNotifiedLate has a source wait before it is notified of an end that the runtime has reported together with bytes.
func TestEndIsNotifiedLate(t *testing.T) {
	t.Parallel()
	ours, theirs := connPair(t, "unix")
	source := newSource(t, ours)
	source.reader.watched = 1 // and no poller yet
	source.watched = true
	source.mayEnd.Store(false)
	_, _ = theirs.Write([]byte("last words"))
	theirs.Close()
	waitForRuntime(t)
	waiting := reportWaits(source)
	sink := &collector{came: make(chan int, 10)}
	ended := pumpToEnd(source, sink)
	<-sink.came
	<-waiting
	poller := newHangupPoller()
	defer poller.close()
	poller.watch(source)
	select {
	case err := <-ended:
		if err != io.EOF {
			t.Errorf("the source ended with %v, want EOF", err)
		}
	case <-time.After(testwait.Limit):
		t.Error("the source still waits")
	}
}

// TestNoEdgeIsLost writes at every moment of a source's work, also while it passes bytes on, and in pieces that fill its buffer
// exactly.
func TestNoEdgeIsLost(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		ours, theirs := connPair(t, network)
		sink := &collector{came: make(chan int, 1000)}
		ended := pumpToEnd(newSource(t, ours), sink)
		var sent []byte
		for range 3000 {
			piece := make([]byte, 1+rand.IntN(300))
			if rand.IntN(20) == 0 {
				piece = make([]byte, buffers.Small.Bytes())
			}
			for i := range piece {
				piece[i] = byte(len(sent) + i)
			}
			sent = append(sent, piece...)
			if _, err := theirs.Write(piece); err != nil {
				t.Fatal(err)
			}
			for deadline := time.After(testwait.Limit); rand.IntN(3) > 0; { // or write on at once
				select {
				case have := <-sink.came:
					if have < len(sent) {
						continue
					}
				case <-deadline:
					t.Fatalf("%s: the source waits although there are bytes", network)
				}
				break
			}
			for len(sink.came) > 0 {
				<-sink.came
			}
		}
		theirs.Close()
		if err := <-ended; err != io.EOF || !bytes.Equal(sink.all, sent) {
			t.Errorf("%s: read %d bytes, then %v, want %d", network, len(sink.all), err, len(sent))
		}
	}
}

// TestOneReadForAMessage counts reads: one for each message, and a few for messages that came in two parts.
func TestOneReadForAMessage(t *testing.T) {
	t.Parallel()
	const messages = 1000
	ours, theirs := connPair(t, "tcp")
	source := newSource(t, ours)
	counter := new(readCounter)
	source.socket = counter
	sink := &collector{came: make(chan int, 1)}
	ended := pumpToEnd(source, sink)
	for range messages {
		_, _ = theirs.Write([]byte("hello"))
		<-sink.came
	}
	theirs.Close()
	<-ended
	if counter.reads > messages*5/4 {
		t.Errorf("%d reads for %d messages", counter.reads, messages)
	}
}

// readCounter is a socket that counts reads.
type readCounter struct {
	sockets.Conn
	reads int
}

func (c *readCounter) TryRead(from io.Reader, p []byte) (int, error) {
	c.reads++
	return from.Read(p)
}
