package gate

import "net/http"

// Outcome is the result of a request at the gate. The list is closed: logs, metrics and documentation use these words only.
type Outcome string

// The outcomes, in the order of the documentation.
const (
	// Passed is the outcome of a request that the gate does not check. It is never logged.
	Passed Outcome = ""

	Accepted        Outcome = "accepted"
	KeyMissing      Outcome = "key_missing"
	KeyUnknown      Outcome = "key_unknown"
	KeyExpired      Outcome = "key_expired"
	KeyAmbiguous    Outcome = "key_ambiguous"
	KeyOtherRoute   Outcome = "key_other_route"
	SessionMissing  Outcome = "session_missing"
	OriginDenied    Outcome = "origin_denied"
	PageOutdated    Outcome = "page_outdated"
	TooMany         Outcome = "too_many"
	Malformed       Outcome = "malformed"
	NotWebSocket    Outcome = "not_websocket"
	Unlisted        Outcome = "unlisted"
	UpstreamFailed  Outcome = "upstream_failed"
	UpstreamTimeout Outcome = "upstream_timeout"
	// UpstreamBusy is an admitted handshake that would wait too long for its turn at the application.
	UpstreamBusy Outcome = "upstream_busy"
	// ClientGone is an admitted handshake whose client left before the application responded. It says nothing about the route.
	ClientGone Outcome = "client_gone"
	// UpstreamRefused is an admitted handshake that the application rejected. Its response is relayed unchanged.
	UpstreamRefused Outcome = "upstream_refused"
)

// Outcomes lists every outcome that can be logged or counted.
var Outcomes = []Outcome{
	Accepted, KeyMissing, KeyUnknown, KeyExpired, KeyAmbiguous, KeyOtherRoute, SessionMissing, OriginDenied, PageOutdated, TooMany,
	Malformed, NotWebSocket, Unlisted, UpstreamFailed, UpstreamTimeout, UpstreamBusy, UpstreamRefused,
	ClientGone,
}

// statusClientGone is the status in logs of a client that left before it got a response.
const statusClientGone = 499

// Status is the HTTP status of the outcome. A malformed handshake may have another status (405, 426): see [Decision.Status].
func (o Outcome) Status() int {
	switch o {
	case KeyMissing, KeyUnknown, KeyExpired, SessionMissing:
		return http.StatusUnauthorized
	case KeyAmbiguous, Malformed:
		return http.StatusBadRequest
	case KeyOtherRoute, OriginDenied, Unlisted:
		return http.StatusForbidden
	case PageOutdated:
		return http.StatusConflict
	case TooMany:
		return http.StatusTooManyRequests
	case NotWebSocket:
		return http.StatusUpgradeRequired
	case UpstreamFailed:
		return http.StatusBadGateway
	case UpstreamTimeout:
		return http.StatusGatewayTimeout
	case UpstreamBusy:
		return http.StatusServiceUnavailable
	case ClientGone:
		return statusClientGone
	default:
		return http.StatusSwitchingProtocols
	}
}

// CloseCode is the WebSocket close code of the outcome, or 0 if the outcome is always a status. Codes from 4000 to 4999 are
// for private use (RFC 6455, 7.4.2).
func (o Outcome) CloseCode() uint16 {
	switch o {
	case KeyMissing, KeyUnknown, KeyExpired, SessionMissing:
		return 4401
	case KeyAmbiguous:
		return 4400
	case KeyOtherRoute, OriginDenied:
		return 4403
	case PageOutdated:
		return 4408
	case TooMany, UpstreamBusy:
		return 1013 // Try Again Later: client libraries retry
	default:
		return 0
	}
}

// Reason is the sentence of an outcome in a response body or a Close frame, at most 123 bytes (RFC 6455, 5.5.1).
func (o Outcome) Reason() string { return reasons[o] }

var reasons = map[Outcome]string{
	KeyMissing:      "this WebSocket route requires a key, and the request has none",
	KeyUnknown:      "the key of the request is unknown",
	KeyExpired:      "the key of the request is not valid now",
	KeyAmbiguous:    "the request has more than one key; send exactly one",
	KeyOtherRoute:   "the key of the request belongs to another route",
	SessionMissing:  "this WebSocket route requires the session of the site, and the request has none",
	OriginDenied:    "pages of this origin may not open this WebSocket",
	PageOutdated:    "the page is older than the current version of this site; reload it",
	TooMany:         "too many sockets or rejected handshakes; try again later",
	Malformed:       "this is not a valid WebSocket handshake",
	NotWebSocket:    "this address accepts WebSocket handshakes only",
	Unlisted:        "this site has no WebSocket route for this path",
	UpstreamFailed:  "the handshake with the application failed",
	UpstreamTimeout: "the application did not respond in time",
	UpstreamBusy:    "too many handshakes wait for the application; try again later",
	UpstreamRefused: "the application or a later handler rejected the handshake",
	ClientGone:      "the client left before the application responded",
}
