package tunnel

import (
	"bytes"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"testing"
)

// TestRecordsAreJoined has many records come before the first is read: they are handed on in fewer chunks, whole and in order,
// and the last of them without waiting for more.
func TestRecordsAreJoined(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why string
		bytes     int
		most      int // chunks
	}{
		{"one record", "there is nothing to join", 16 << 10, 1},
		{"three records", "of the last the length is not known", 48 << 10, 2},
		{"a byte behind them", "it is not waited for", 48<<10 + 1, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, server := tlsPair(t, asItCame)
			source := newConnSource(server, server)
			source.size = recordBuffer // as in the midst of a flow
			sent := make([]byte, c.bytes)
			for i := range sent {
				sent[i] = byte(rand.Uint32())
			}
			if _, err := client.Write(sent); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the kernel to have it all", func() bool { return source.ready.unread() > c.bytes })
			var got []byte
			chunks := 0
			for len(got) < c.bytes {
				err := source.pump(func(chunk []byte) error {
					got = append(got, chunk...)
					chunks++
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, sent) {
				t.Error("other bytes came than were sent")
			}
			if chunks > c.most {
				t.Errorf("%d chunks, want at most %d (%s)", chunks, c.most, c.why)
			}
		})
	}
}

// tlsPair is a connection whose client makes records as long as may be, with something around the server's end below TLS.
func tlsPair(t *testing.T, wrap func(net.Conn) net.Conn) (client, server *tls.Conn) {
	t.Helper()
	ours, theirs := connPair(t, "tcp")
	site := httptest.NewUnstartedServer(nil)
	site.StartTLS() // for its certificate
	site.Close()
	client = tls.Client(ours, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
	server = tls.Server(wrap(theirs), site.TLS)
	ended := make(chan error, 1)
	go func() { ended <- client.Handshake() }()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return client, server
}
