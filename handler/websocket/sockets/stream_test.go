package sockets

import (
	"bytes"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowFlusher is the server's writer of a stream. Its first flush blocks until letGo is closed.
type slowFlusher struct {
	mutex    sync.Mutex
	written  bytes.Buffer
	flushing chan struct{} // closed when the first flush starts
	release  chan struct{}
	once     sync.Once
}

func (w *slowFlusher) Header() http.Header { return http.Header{} }
func (w *slowFlusher) WriteHeader(int)     {}

func (w *slowFlusher) Write(p []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.written.Write(p)
}

func (w *slowFlusher) FlushError() error {
	w.once.Do(func() {
		close(w.flushing)
		<-w.release
	})
	return nil
}

// A Close during a flush finds writing held, and no write may follow for hours. So the goroutine that flushes must send the
// Close frame.
func TestCloseDuringFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, closeDuringFlush)
}

func closeDuringFlush(t *testing.T) {
	s := open(t, NewRegistry(time.Now), Info{Protocol: "HTTP/3.0", Major: 3})
	server := &slowFlusher{flushing: make(chan struct{}), release: make(chan struct{})}
	stream := s.ResponseWriter(server)
	stream.WriteHeader(http.StatusOK)
	message := frame(1, []byte("hello"))
	if _, err := stream.Write(message); err != nil {
		t.Fatal(err)
	}
	flushed := make(chan error, 1)
	go func() { flushed <- http.NewResponseController(stream).Flush() }()
	soon(t, "the flush", server.flushing)
	s.Close(4401, "no more")
	c := s.closing.Load()
	synctest.Wait() // Close has tried
	close(server.release)
	if err := soon(t, "the end of the flush", flushed); err != nil {
		t.Fatal(err)
	}
	soon(t, "the Close frame", c.frameDone)
	server.mutex.Lock()
	got := server.written.Bytes()
	server.mutex.Unlock()
	if want := append(message, closeFrame(4401, "no more")...); !bytes.Equal(got, want) {
		t.Errorf("written %q, want %q: the Close frame is missing", got, want)
	}
	s.End()
	soon(t, "the end", c.done)
	time.Sleep(closeTimeout) // the goroutine of Close ends too
}
