package websockettunnel

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/scan2food/usher/handler/websocket/tunnel"
)

// loadSelector loads the selection policy. The default is random.
func (t *Handler) loadSelector(ctx caddy.Context) error {
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

// choose selects an upstream. Caddy's policies that count requests would see none, so these count open sockets here.
func (t *Handler) choose(among []*tunnel.Upstream, w http.ResponseWriter, r *http.Request) *tunnel.Upstream {
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

func (t *Handler) askPolicy(among []*tunnel.Upstream, w http.ResponseWriter, r *http.Request) *tunnel.Upstream {
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

// leastOpen returns a random one of the upstreams with the fewest open sockets.
func leastOpen(among []*tunnel.Upstream) *tunnel.Upstream {
	least := slices.MinFunc(among, func(a, b *tunnel.Upstream) int { return a.Host.Open() - b.Host.Open() })
	ties := slices.DeleteFunc(slices.Clone(among), func(u *tunnel.Upstream) bool {
		return u.Host.Open() > least.Host.Open()
	})
	if len(ties) == 0 {
		return least // a socket was opened since MinFunc
	}
	return ties[rand.IntN(len(ties))]
}

// sample returns n upstreams at random.
func sample(among []*tunnel.Upstream, n int) []*tunnel.Upstream {
	shuffled := slices.Clone(among)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled[:min(n, len(shuffled))]
}
