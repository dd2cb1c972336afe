package usher

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// loadSelector loads the policy that chooses among upstreams; random without one.
func (t *WebSocketTunnel) loadSelector(ctx caddy.Context) error {
	if t.SelectionPolicyRaw == nil {
		t.selector = new(reverseproxy.RandomSelection)
		return nil
	}
	policy, err := ctx.LoadModule(t, "SelectionPolicyRaw")
	if err != nil {
		return fmt.Errorf("websocket_tunnel: lb_policy: %w", err)
	}
	t.selector = policy.(reverseproxy.Selector)
	return nil
}

// choose asks Caddy's policy, where that can know the answer.
func (t *WebSocketTunnel) choose(among []*tunnel.Upstream, w http.ResponseWriter, r *http.Request) *tunnel.Upstream {
	if len(among) == 1 {
		return among[0]
	}
	switch policy := t.selector.(type) {
	case *reverseproxy.LeastConnSelection:
		return leastOpen(among)
	case *reverseproxy.RandomChoiceSelection:
		return leastOpen(sample(among, policy.Choose))
	}
	return t.askPolicy(among, w, r)
}

func (t *WebSocketTunnel) askPolicy(among []*tunnel.Upstream, w http.ResponseWriter, r *http.Request) *tunnel.Upstream {
	pool := make(reverseproxy.UpstreamPool, len(among))
	for i, upstream := range among {
		pool[i] = t.choices[upstream]
	}
	choice := t.selector.Select(pool, r, w)
	if i := slices.Index(pool, choice); i >= 0 {
		return among[i]
	}
	return among[0]
}

// leastOpen is one of those with the fewest open sockets. Caddy's own policy counts its own requests, and has none here.
func leastOpen(among []*tunnel.Upstream) *tunnel.Upstream {
	least := slices.MinFunc(among, func(a, b *tunnel.Upstream) int { return a.Host.Open() - b.Host.Open() })
	ties := slices.DeleteFunc(slices.Clone(among), func(u *tunnel.Upstream) bool {
		return u.Host.Open() > least.Host.Open()
	})
	if len(ties) == 0 {
		return least // one was closed meanwhile
	}
	return ties[rand.IntN(len(ties))]
}

// sample is n of them at random.
func sample(among []*tunnel.Upstream, n int) []*tunnel.Upstream {
	shuffled := slices.Clone(among)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled[:min(n, len(shuffled))]
}
