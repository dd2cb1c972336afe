package gate

import "net/http"

// Outcome is what became of a request at the gate. The list is closed: logs, metrics and the documentation
// use these words and no others.
type Outcome string

// The outcomes, in the order in which the documentation lists them.
const (
	// Passed is the outcome of a request that is none of the gate's business. It is never logged.
	Passed Outcome = ""

	Accepted        Outcome = "accepted"
	KeyMissing      Outcome = "key_missing"
	KeyUnknown      Outcome = "key_unknown"
	KeyExpired      Outcome = "key_expired"
	KeyAmbiguous    Outcome = "key_ambiguous"
	KeyOtherRoute   Outcome = "key_other_route"
	OriginDenied    Outcome = "origin_denied"
	PageOutdated    Outcome = "page_outdated"
	TooMany         Outcome = "too_many"
	Malformed       Outcome = "malformed"
	NotWebSocket    Outcome = "not_websocket"
	Unlisted        Outcome = "unlisted"
	UpstreamFailed  Outcome = "upstream_failed"
	UpstreamTimeout Outcome = "upstream_timeout"
	// UpstreamRefused is an admitted handshake that the application answered with a status of its own, which is
	// relayed as it came.
	UpstreamRefused Outcome = "upstream_refused"
)

// Outcomes lists every outcome that can be logged or counted.
var Outcomes = []Outcome{
	Accepted, KeyMissing, KeyUnknown, KeyExpired, KeyAmbiguous, KeyOtherRoute, OriginDenied, PageOutdated, TooMany,
	Malformed, NotWebSocket, Unlisted, UpstreamFailed, UpstreamTimeout, UpstreamRefused,
}

// Status is the HTTP status that tells a client of the outcome. A malformed handshake may call for another one (405,
// 426), which its [Decision] holds.
func (o Outcome) Status() int {
	switch o {
	case KeyMissing, KeyUnknown, KeyExpired:
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
	default:
		return http.StatusSwitchingProtocols
	}
}

// CloseCode is the WebSocket close code of the outcome (RFC 6455, 7.4.2: 4000 to 4999 are for private use), or 0 where
// a refusal is always told by status.
func (o Outcome) CloseCode() uint16 {
	switch o {
	case KeyMissing, KeyUnknown, KeyExpired:
		return 4401
	case KeyAmbiguous:
		return 4400
	case KeyOtherRoute, OriginDenied:
		return 4403
	case PageOutdated:
		return 4408
	case TooMany:
		return 4429
	default:
		return 0
	}
}
