package keys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuedClaims is what an issued ticket says.
type issuedClaims struct {
	jwt.RegisteredClaims
	Bound string `json:"bound,omitempty"`
}

// Issue makes a ticket of a user for routes. The user may be empty. The ticket is bound to what [BindingOf] told, which is not looked at where tickets are not bound.
// It needs secrets: a public key signs nothing.
func (t *Tickets) Issue(routes []string, user, binding string, now time.Time, random io.Reader) (string, error) {
	switch {
	case !t.issues:
		return "", errors.New("issuing a ticket: want a secret, got a public key")
	case len(routes) == 0:
		return "", errors.New("issuing a ticket: want at least one route, got none")
	case t.bind != BindNone && binding == "":
		return "", errors.New("issuing a ticket: want something to bind it to, got nothing")
	}
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", fmt.Errorf("issuing a ticket: drawing its jti: %w", err)
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
