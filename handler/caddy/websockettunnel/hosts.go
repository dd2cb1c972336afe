package websockettunnel

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// hostPool holds the upstreams that loaded configurations name, by network and address. The state of an upstream, such as its
// open sockets, passes from one configuration to the next.
var hostPool = caddy.NewUsagePool()

// host is one upstream, and closes the sockets to it.
type host struct {
	tunnel.Host
	key     string
	spread  atomic.Int64 // drain time of the newest configuration, in nanoseconds
	once    sync.Once
	drained chan struct{}
}

// takeHost returns the process's entry of an upstream, until Cleanup.
func (t *Handler) takeHost(address address) (*host, error) {
	key := address.network + "/" + address.address
	value, err := t.pooled.Load(hostPool, key, func() (caddy.Destructor, error) {
		h := &host{key: key, drained: make(chan struct{})}
		t.configure(h)
		return h, nil
	})
	if err != nil {
		return nil, err
	}
	host := value.(*host)
	setUpstreamUp(key, !host.Down())
	return host, nil
}

// configure sets what the newest configuration says about an upstream.
func (t *Handler) configure(h *host) {
	h.spread.Store(int64(t.Drain))
	h.SetPace(t.Pace, time.Duration(t.PacePeriod))
}

// Destruct closes the sockets to an upstream that no configuration names any more. A process that stops waits until they
// are closed. A reload does not wait.
func (h *host) Destruct() error {
	upstreamUp.DeleteLabelValues(h.key)
	h.drain()
	if caddy.Exiting() {
		<-h.drained
	}
	return nil
}

// drain starts to close the sockets, once.
func (h *host) drain() {
	h.once.Do(func() {
		reason := "the upstream was removed"
		if caddy.Exiting() {
			reason = "the server is going away"
		}
		go func() {
			defer close(h.drained)
			openTunnels.Drain(&h.Host, time.Duration(h.spread.Load()), reason)
		}()
	})
}

// drainWithServer closes sockets as soon as a stopping process shuts its servers down. Caddy waits for the end of all
// requests before it cleans up modules, and a socket over HTTP/2 or 3 is a request.
func (t *Handler) drainWithServer(ctx caddy.Context) {
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
