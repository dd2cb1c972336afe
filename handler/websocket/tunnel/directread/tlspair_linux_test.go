package directread

import (
	"crypto/tls"
	"net/http/httptest"
	"testing"
)

// tlsPair is a TLS connection above a transport, whose client makes records as long as they can be.
func tlsPair(t *testing.T) (client, server *tls.Conn) {
	t.Helper()
	ours, theirs := connPair(t, "tcp")
	site := httptest.NewUnstartedServer(nil)
	site.StartTLS() // for its certificate
	site.Close()
	client = tls.Client(ours, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
	server = tls.Server(BelowTLS(theirs), site.TLS)
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
