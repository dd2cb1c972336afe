package testsite

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// nextPort counts ports below the kernel's ephemeral range, so that no other test gets the port of a process that is starting.
var nextPort atomic.Uint32

// FreeAddress returns a loopback address that nothing listens on. Tests that listen on port 0 do not get its port.
func FreeAddress(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}

// FreePort returns the port of such an address.
func FreePort(t *testing.T) int {
	t.Helper()
	const first, ports = 16_384, 16_384
	for range ports {
		port := first + (uint32(os.Getpid())*64+nextPort.Add(1))%ports
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		listener.Close()
		return int(port)
	}
	t.Fatalf("none of %d ports is free", ports)
	return 0
}
