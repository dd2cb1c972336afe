package keys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuedClaims are the claims of an issued ticket.
type issuedClaims struct {
	jwt.RegisteredClaims
	Bound string `json:"bound,omitempty"`
}

// Issue returns a ticket of a user for the routes, bound to a text of [BindingOf]. The user may be empty. The text is ignored
// if tickets are not bound. Issue needs secrets: a public key cannot sign.
func (t *Tickets) Issue(routes []string, user, binding string, now time.Time, random io.Reader) (string, error) {
	switch {
	case !t.issues:
		return "", errors.New("issuing a ticket: a public key cannot sign: configure a secret")
	case len(routes) == 0:
		return "", errors.New("issuing a ticket: no routes")
	case t.bind != BindNone && binding == "":
		return "", errors.New("issuing a ticket: client or origin to bind it to is unknown")
	}
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", fmt.Errorf("issuing a ticket: reading random bytes: %w", err)
	}
	claims := issuedClaims{RegisteredClaims: jwt.RegisteredClaims{
		Subject:   user,
		Audience:  routes,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(t.lifetime)),
		ID:        base64.RawURLEncoding.EncodeToString(id[:]),
	}}
	first := &t.signers[0]
	if t.bind != BindNone {
		claims.Bound = first.boundClaim(binding)
	}
	token, err := jwt.NewWithClaims(first.method, claims).SignedString(first.key)
	switch {
	case err != nil:
		return "", fmt.Errorf("issuing a ticket: %w", err)
	case len(token) > MaxTicketLength:
		return "", fmt.Errorf("issuing a ticket: want at most %d bytes, got %d for %d routes", MaxTicketLength, len(token), len(routes))
	}
	return token, nil
}
