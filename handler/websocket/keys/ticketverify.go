package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

const (
	// MaxTicketLength is the most bytes of a ticket: browsers keep no longer cookie.
	MaxTicketLength = 4096
	// MaxUserLength is the most bytes of a ticket's sub.
	MaxUserLength = 255
	// TicketLeeway is how far the clock of an application that issues tickets may be ahead. It does not lengthen them.
	TicketLeeway = 30 * time.Second
)

// TicketResult is what is known of a presented ticket.
type TicketResult struct {
	// Status is Good, or Expired before it begins or after it ends, or OtherRoute; Unknown is everything else.
	Status Status
	// ID is of the secret or public key that signed it; zero where the ticket is unknown.
	ID ID
	// User is the user whose ticket it is, from its sub. Empty if the ticket is unknown or has no sub.
	User string
	// Until is when it ends; zero where the ticket is unknown.
	Until time.Time
	// UseID is what [UsedTickets] knows it by on this route. Set where it is good, and good once.
	UseID UseID
	// Reason says for logs why it is not good, in words of a closed list; empty where it is good.
	Reason string
}

// Why a ticket is not good.
var (
	errTicketLength    = errors.New("ticket is longer than 4096 bytes")
	errTicketShape     = errors.New("ticket is not three parts of base64url")
	errTicketSignature = errors.New("ticket is not signed by a key that is configured")
	errTicketHeader    = errors.New("ticket header is not a JSON object")
	errTicketAlgorithm = errors.New("ticket algorithm is another than that of its key")
	errTicketCritical  = errors.New("ticket header has critical extensions")
	errTicketClaims    = errors.New("ticket claims are not a JSON object")
	errTicketDate      = errors.New("ticket exp, nbf or iat is not a date in seconds")
	errTicketText      = errors.New("ticket aud, jti, bound or sub is not text")
	errTicketUser      = errors.New("ticket sub is longer than 255 bytes")
	errTicketNoExpiry  = errors.New("ticket has no exp")
	errTicketNoRoute   = errors.New("ticket has no aud")
	errTicketNoID      = errors.New("ticket has no jti, and is good once")
	errTicketBound     = errors.New("ticket is not bound to this client or origin")
	errTicketRoute     = errors.New("ticket aud is another route")
	errTicketEnded     = errors.New("ticket exp has passed")
	errTicketTooLong   = errors.New("ticket exp is more than an hour away, and the ticket is good once")
	errTicketNotYet    = errors.New("ticket nbf or iat is in the future")
)

// LooksLikeTicket tells whether a credential is of the form of a ticket. A key may be of that form as well.
func LooksLikeTicket(credential string) bool {
	_, ok := splitTicket(credential)
	return ok
}

// ticketParts are the three parts of a ticket, and the first two with the dot between them.
type ticketParts struct {
	header, claims, signature string
	signed                    string
}

// splitTicket is stricter than the decoder of base64, which skips line breaks: a ticket has one form only.
func splitTicket(token string) (parts ticketParts, ok bool) {
	first := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if first < 1 || last == first {
		return ticketParts{}, false
	}
	parts = ticketParts{token[:first], token[first+1 : last], token[last+1:], token[:last]}
	ok = isBase64URL(parts.header) && isBase64URL(parts.claims) && isBase64URL(parts.signature)
	return parts, ok
}

func isBase64URL(part string) bool {
	for i := range len(part) {
		c := part[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return part != ""
}

// Verify says what is known of a ticket that was presented on a route, by what [BindingOf] tells. A ticket that is good
// once may have been used before: that is for [UsedTickets] to say.
func (t *Tickets) Verify(token, route, binding string, now time.Time) TicketResult {
	signer, claims, err := t.parse(token)
	if err == nil {
		err = t.checkRequired(signer, &claims, binding)
	}
	if err != nil {
		return TicketResult{Reason: err.Error()}
	}
	verdict := TicketResult{ID: signer.id, User: claims.user, Until: claims.expires}
	verdict.Status, err = claims.statusAt(route, now)
	if err != nil {
		verdict.Reason = err.Error()
		return verdict
	}
	if t.once && claims.expires.Sub(now) > MaxOnceLifetime+TicketLeeway {
		return TicketResult{Reason: errTicketTooLong.Error()}
	}
	if t.once {
		verdict.UseID = newUseID(signer.id, route, claims.id)
	}
	return verdict
}

// parse reads a ticket. The signature comes first, under the algorithm of the configuration, so that no stranger chooses
// the algorithm, and none of his JSON is ever parsed. The library's own parser works the other way round,
// twice, in other letters, and dates in quotes, and ignores crit: of it we use the signatures.
func (t *Tickets) parse(token string) (*signer, ticketClaims, error) {
	if len(token) > MaxTicketLength {
		return nil, ticketClaims{}, errTicketLength
	}
	parts, ok := splitTicket(token)
	if !ok {
		return nil, ticketClaims{}, errTicketShape
	}
	signer := t.findSigner(parts)
	if signer == nil {
		return nil, ticketClaims{}, errTicketSignature
	}
	if err := checkTicketHeader(parts.header, signer.method.Alg()); err != nil {
		return nil, ticketClaims{}, err
	}
	claims, err := parseTicketClaims(parts.claims)
	return signer, claims, err
}

// strictBase64 refuses bits behind the last byte.
var strictBase64 = base64.RawURLEncoding.Strict()

// findSigner finds who signed a ticket. Each comparison takes constant time; which secret it was is none.
func (t *Tickets) findSigner(parts ticketParts) *signer {
	signature, err := strictBase64.DecodeString(parts.signature)
	if err != nil {
		return nil
	}
	for i := range t.signers {
		if s := &t.signers[i]; s.method.Verify(parts.signed, signature, s.key) == nil {
			return s
		}
	}
	return nil
}

// checkRequired looks for what a configuration demands of tickets beyond the claims that all have.
func (t *Tickets) checkRequired(signer *signer, claims *ticketClaims, binding string) error {
	if t.once && claims.id == "" {
		return errTicketNoID
	}
	if t.bind == BindNone {
		return nil
	}
	if binding == "" || !hmac.Equal([]byte(claims.bound), []byte(signer.boundClaim(binding))) {
		return errTicketBound
	}
	return nil
}

// UseID is one use of a ticket that is good once: of this ticket, by its jti and its signer, on one route.
type UseID [16]byte

func newUseID(signer ID, route, id string) UseID {
	digest := sha256.New()
	digest.Write(signer[:])
	name := sha256.Sum256([]byte(route)) // of fixed length: no two pairs make the same bytes
	digest.Write(name[:])
	digest.Write([]byte(id))
	return UseID(digest.Sum(nil)[:16])
}
