package usher

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// tunnelHosts are the applications that the configurations name, by network and address. What is known of one, its open
// sockets among that, goes from one configuration to the next.
var tunnelHosts = caddy.NewUsagePool()

// tunnelHost is one application, and the end of the sockets to it.
type tunnelHost struct {
	tunnel.Host
	key     string
	spread  atomic.Int64 // drain of the newest configuration, in nanoseconds
	once    sync.Once
	drained chan struct{}
}

func takeTunnelHost(address tunnelAddress, spread time.Duration) (*tunnelHost, error) {
	key := address.network + "/" + address.address
	value, _, err := tunnelHosts.LoadOrNew(key, func() (caddy.Destructor, error) {
		return &tunnelHost{key: key, drained: make(chan struct{})}, nil
	})
	if err != nil {
		return nil, err
	}
	host := value.(*tunnelHost)
	host.spread.Store(int64(spread))
	return host, nil
}

func releaseTunnelHost(host *tunnelHost) error {
	_, err := tunnelHosts.Delete(host.key)
	return err
}

// Destruct closes the sockets to an application that no configuration names any more. A process that stops waits for
// that; a reload does not.
func (h *tunnelHost) Destruct() error {
	h.drain()
	if caddy.Exiting() {
		<-h.drained
	}
	return nil
}

// drain begins to close the sockets, once.
func (h *tunnelHost) drain() {
	h.once.Do(func() {
		go func() {
			defer close(h.drained)
			openTunnels.Drain(&h.Host, time.Duration(h.spread.Load()))
		}()
	})
}

// drainWithServer has sockets closed as soon as a process that stops shuts its servers down. Those over HTTP/2 and 3 are
// requests, for whose end Caddy waits before it cleans anything up.
func (t *WebSocketTunnel) drainWithServer(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return
	}
	hosts := t.hosts
	server.RegisterOnShutdown(func() {
		if !caddy.Exiting() {
			return
		}
		for _, host := range hosts {
			host.drain()
		}
	})
}
