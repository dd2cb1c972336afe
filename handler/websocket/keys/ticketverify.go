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
	// MaxTicketLength is the maximum length of a ticket in bytes. Browsers store no longer cookies.
	MaxTicketLength = 4096
	// MaxUserLength is the maximum length of a ticket's sub in bytes.
	MaxUserLength = 255
	// TicketLeeway is how far the clock of an application that issues tickets may be ahead. It does not lengthen tickets.
	TicketLeeway = 30 * time.Second
)

// TicketResult is the result of verifying a ticket.
type TicketResult struct {
	// Status is Good, Expired (also before its start), OtherRoute, or else Unknown.
	Status Status
	// ID identifies the secret or public key that signed it. Zero if the ticket is unknown.
	ID ID
	// User is the ticket's user, from sub. Empty if the ticket is unknown or has no sub.
	User string
	// Until is when it expires. Zero if the ticket is unknown.
	Until time.Time
	// UseID identifies the use in [UsedTickets]. Set for valid single-use tickets.
	UseID UseID
	// Reason is why the ticket is not valid, for logs. It is one of a fixed set of texts, and empty for a valid ticket.
	Reason string
}

// Reasons why a ticket is not valid.
var (
	errTicketLength    = errors.New("ticket is longer than 4096 bytes")
	errTicketShape     = errors.New("ticket is not three parts of base64url")
	errTicketSignature = errors.New("ticket is not signed by a configured key")
	errTicketHeader    = errors.New("ticket header is not a JSON object")
	errTicketAlgorithm = errors.New("ticket algorithm does not match its key")
	errTicketCritical  = errors.New("ticket header has critical extensions")
	errTicketClaims    = errors.New("ticket claims are not a JSON object")
	errTicketDate      = errors.New("ticket exp, nbf or iat is not a date in seconds")
	errTicketText      = errors.New("ticket aud, jti, bound or sub is not text")
	errTicketUser      = errors.New("ticket sub is longer than 255 bytes")
	errTicketNoExpiry  = errors.New("ticket has no exp")
	errTicketNoRoute   = errors.New("ticket has no aud")
	errTicketNoID      = errors.New("single-use ticket has no jti")
	errTicketBound     = errors.New("ticket is not bound to this client or origin")
	errTicketRoute     = errors.New("ticket aud names another route")
	errTicketEnded     = errors.New("ticket exp has passed")
	errTicketTooLong   = errors.New("single-use ticket exp is more than an hour away")
	errTicketNotYet    = errors.New("ticket nbf or iat is in the future")
)

// LooksLikeTicket reports whether a credential has the form of a ticket. Keys may have that form too.
func LooksLikeTicket(credential string) bool {
	_, ok := splitTicket(credential)
	return ok
}

// ticketParts are the three parts of a ticket. signed is the first two with the dot between them.
type ticketParts struct {
	header, claims, signature string
	signed                    string
}

// splitTicket is stricter than the base64 decoder, which skips line breaks. So a ticket has only one form.
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

// Verify returns the status of a ticket on a route, for a text of [BindingOf]. [UsedTickets] reports whether a single-use
// ticket was used before.
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
		verdict.UseID = newUseID(signer.use, route, claims.id)
	}
	return verdict
}

// parse reads a ticket. It verifies the signature first, with the configured algorithm, so that clients cannot choose the
// algorithm, and unsigned JSON is never parsed. golang-jwt's parser does the opposite. It also accepts duplicate claims, names
// in other case and dates as text, and ignores crit. So only its signatures are used.
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

// strictBase64 rejects nonzero bits after the last byte.
var strictBase64 = base64.RawURLEncoding.Strict()

// findSigner returns the signer of a ticket, or nil. Each comparison takes constant time.
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

// checkRequired checks the claims that this configuration requires in addition.
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

// UseID identifies the use of a single-use ticket on one route. It is derived from the ticket's jti and its signer, and is equal
// in all processes.
type UseID [16]byte

func newUseID(signer [sha256.Size]byte, route, id string) UseID {
	digest := sha256.New()
	digest.Write(signer[:])
	name := sha256.Sum256([]byte(route)) // of fixed length, so that different inputs stay different
	digest.Write(name[:])
	digest.Write([]byte(id))
	return UseID(digest.Sum(nil)[:16])
}
