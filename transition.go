package usher

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/request"
)

func errorStatus(err error) int { return request.ErrorStatus(err) }

func externalOrigin(r *http.Request) (scheme, host string) { return request.ExternalOrigin(r) }

// loadedGates are those and the ones that are being retired: requests may still come to them.
var loadedGates liveSet[*WebSocketGate]

// gatesOf are the gates of a server, also one that is shutting down.
func gatesOf(server *caddyhttp.Server) []*WebSocketGate {
	var gates []*WebSocketGate
	for _, g := range loadedGates.all() {
		if g.logs.server == server {
			gates = append(gates, g)
		}
	}
	return gates
}
