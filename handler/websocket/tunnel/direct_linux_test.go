package tunnel

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testwait"
)

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

// told is a direct source that is told of its end.
func told(t *testing.T, conn net.Conn) *directSource {
	t.Helper()
	source := newDirectSource(conn, conn).(*directSource)
	hangups := newHangups()
	hangups.watch(source)
	t.Cleanup(func() {
		hangups.forget(source)
		if hangups.sources[source.descriptor] != nil {
			t.Error("the source is not forgotten")
		}
		hangups.close()
	})
	return source
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
func pumpToEnd(source source, sink *collector) <-chan error {
	ended := make(chan error, 1)
	go func() {
		for {
			if err := source.pump(sink.take); err != nil && err != errWoken {
				ended <- err
				return
			}
		}
	}()
	return ended
}

// TestEndBehindBytes has the end of a connection come right behind bytes, so that the runtime tells of both at once: a read that
// takes the bytes says nothing of the end, and no edge follows.
func TestEndBehindBytes(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		for _, c := range []struct {
			name string
			end  func(net.Conn)
		}{
			{"close", func(conn net.Conn) { conn.Close() }},
			{"half-close", func(conn net.Conn) { _ = closeWrite(conn) }},
		} {
			for _, waits := range []bool{false, true} {
				for range 20 {
					ours, theirs := connPair(t, network)
					source := told(t, ours)
					sink := &collector{came: make(chan int, 10)}
					if !waits {
						_, _ = theirs.Write([]byte("last words"))
						c.end(theirs)
						time.Sleep(time.Millisecond) // for the runtime to hear of it
					}
					ended := pumpToEnd(source, sink)
					if waits {
						time.Sleep(time.Millisecond) // for the source to wait
						_, _ = theirs.Write([]byte("last words"))
						c.end(theirs)
					}
					select {
					case err := <-ended:
						if err != io.EOF || string(sink.all) != "last words" {
							t.Fatalf("%s of %s: read %q, then %v", c.name, network, sink.all, err)
						}
					case <-time.After(testwait.Limit):
						t.Fatalf("%s of %s, the source waits: %v: the end is not seen", c.name, network, waits)
					}
				}
			}
		}
	}
}

// TestEndIsToldLate has the source wait before it is told of an end that the runtime has told of with bytes.
func TestEndIsToldLate(t *testing.T) {
	t.Parallel()
	ours, theirs := connPair(t, "unix")
	source := newDirectSource(ours, ours).(*directSource)
	source.unsure.Store(false)
	_, _ = theirs.Write([]byte("last words"))
	theirs.Close()
	time.Sleep(10 * time.Millisecond) // for the runtime to hear of both
	sink := &collector{came: make(chan int, 10)}
	ended := pumpToEnd(source, sink)
	<-sink.came
	time.Sleep(10 * time.Millisecond) // for the source to wait
	hangups := newHangups()
	defer hangups.close()
	hangups.watch(source)
	select {
	case err := <-ended:
		if err != io.EOF {
			t.Errorf("the source ended with %v", err)
		}
	case <-time.After(testwait.Limit):
		t.Error("the source waits on")
	}
}

// TestNoEdgeIsLost writes at every moment of a source's round, also while it hands on, and in pieces that fill its buffer
// exactly.
func TestNoEdgeIsLost(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		ours, theirs := connPair(t, network)
		sink := &collector{came: make(chan int, 1000)}
		ended := pumpToEnd(told(t, ours), sink)
		var sent []byte
		for range 3000 {
			piece := make([]byte, 1+rand.IntN(300))
			if rand.IntN(20) == 0 {
				piece = make([]byte, bufferBytes[smallBuffer])
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
					t.Fatalf("%s: the source waits, and does not know of bytes", network)
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

// TestOneReadForAMessage counts: who asks the kernel again after each message pays half as much once more.
func TestOneReadForAMessage(t *testing.T) {
	t.Parallel()
	const messages = 1000
	ours, theirs := connPair(t, "tcp")
	source := told(t, ours)
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

func (c *readCounter) ReadNow(from io.Reader, p []byte) (int, error) {
	c.reads++
	return from.Read(p)
}

// TestBothWaysAtOnce has both sides talk without waiting for each other, in pieces that have nothing to do with frames, and
// compares every byte.
func TestBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	const length = 1 << 20
	for _, c := range []struct {
		network string
		layers  layering
	}{{"tcp", layerings[0]}, {"unix", layerings[0]}, {"unix", layerings[1]}, {"unix", layerings[2]}} {
		app := startApp(t, c.network, func(conn *appConn) {
			conn.accept()
			talk(t, conn.Conn, conn.Reader, false, length)
		})
		site := c.layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}, MaxFrame: 1000})
		client := site.open(t)
		talk(t, client, client, true, length)
		client.Close()
	}
}

// talk sends frames of some length in all, and reads what the other side sends in the same way.
func talk(t *testing.T, out io.Writer, in io.Reader, client bool, length int) {
	stream := func(masked bool) []byte {
		var all []byte
		for i := 0; len(all) < length; i++ {
			all = append(all, frame(0x82, masked, bytes.Repeat([]byte{byte(i)}, i%1000))...)
		}
		return all
	}
	sent := make(chan error, 1)
	go func() {
		var err error
		for rest := stream(client); len(rest) > 0 && err == nil; {
			var n int
			n, err = out.Write(rest[:min(len(rest), 1+rand.IntN(1500))])
			rest = rest[n:]
		}
		sent <- err
	}()
	want := stream(!client)
	got := make([]byte, len(want))
	if n, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("client: %v: read %d bytes, %v, want %d", client, n, err, len(want))
	}
	if err := <-sent; err != nil {
		t.Errorf("client: %v: write: %v", client, err)
	}
}
