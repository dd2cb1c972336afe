package tunnel

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"
)

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
