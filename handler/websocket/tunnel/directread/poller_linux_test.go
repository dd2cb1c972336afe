package directread

import "testing"

// TestForgetAfterFailedWatch closes a connection between its handshake and the moment in which it would be watched.
func TestForgetAfterFailedWatch(t *testing.T) {
	t.Parallel()
	conn, _ := connPair(t, "tcp")
	source := newSource(t, conn)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := source.Pump(func([]byte) error { return nil }); err == nil {
		t.Error("a closed connection was read")
	}
}
