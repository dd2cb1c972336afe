package websockettunnel

import (
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// TestDefaultDrainFitsCaddysUnit: systemd kills a process of Caddy's packaged unit 5 s after the stop.
func TestDefaultDrainFitsCaddysUnit(t *testing.T) {
	t.Parallel()
	const room = 500 * time.Millisecond // for the rest of the stop
	if all := defaultDrain + tunnel.EndTimeout + room; all > 5*time.Second {
		t.Errorf("a stop may take %s, want less than 5s", all)
	}
}
