package keys

import (
	"errors"
	"fmt"
	"time"
)

// DefaultTicketLifetime is how long an issued ticket is good. A page that stays open gets the next one before.
const DefaultTicketLifetime = 10 * time.Minute

// MaxOnceLifetime is the longest lifetime of a ticket that is good once. [UsedTickets] must remember each use as long, and forgets them
// with a restart.
const MaxOnceLifetime = time.Hour

// minTicketLifetime is the least that the dates of a JWT, which are whole seconds, can tell.
const minTicketLifetime = time.Second

// TicketConfig says which tickets are good. Exactly one of Secrets and PublicKey is set.
type TicketConfig struct {
	// Secrets sign and verify with HS256, each of at least [MinTicketSecretLength] bytes. The first signs, all verify: a
	// new one goes in front, and the old one goes away once its last ticket has ended.
	Secrets []string
	// PublicKey is one PEM block or several, which all verify: Ed25519 for EdDSA, P-256 for ES256. Nothing can be issued.
	PublicKey []byte
	// Lifetime is how long an issued ticket is good, at least a second. Default [DefaultTicketLifetime].
	Lifetime time.Duration
	// Bind is what a ticket is bound to. Default: nothing, whoever holds it may use it.
	Bind Bind
	// Once has each ticket open one socket of each of its routes. It needs a jti, and whoever admits the socket asks [UsedTickets].
	Once bool
}

// String shows nothing: a configuration holds secrets.
func (TicketConfig) String() string { return "ticket config" }

// GoString is String.
func (c TicketConfig) GoString() string { return c.String() }

// Tickets issues and verifies tickets: signed credentials that end soon. A ticket is a JSON Web Token in its compact form
// (RFC 7519) of at most [MaxTicketLength] bytes. Its algorithm is that of the configuration and no other; of its claims,
//
//	aud    names the routes it is good for, one or a list; needed
//	exp    is when it ends, to the moment; needed
//	iat    is when it was issued, and nbf when it begins; at most [TicketLeeway] in the future
//	jti    tells it from other tickets; needed where it is good once
//	sub    names the user, for logs, limits and closing; at most [MaxUserLength] bytes
//	bound  is what it is bound to, as [BindingOf] tells; needed where tickets are bound
//
// and all others are not looked at. Tickets is immutable and safe for concurrent use.
type Tickets struct {
	signers  []signer
	issues   bool // the first signer is a secret
	lifetime time.Duration
	bind     Bind
	once     bool
}

// NewTickets makes tickets of a configuration. Errors tell the position of a secret and its length, never the secret.
func NewTickets(config TicketConfig) (*Tickets, error) {
	t := &Tickets{lifetime: config.Lifetime, bind: config.Bind, once: config.Once, issues: len(config.Secrets) > 0}
	if t.lifetime == 0 {
		t.lifetime = DefaultTicketLifetime
	}
	var err error
	switch {
	case t.issues == (len(config.PublicKey) > 0):
		return nil, errors.New("tickets: want either secrets or a public key")
	case t.lifetime < minTicketLifetime:
		return nil, fmt.Errorf("tickets: want a lifetime of at least %s, got %s", minTicketLifetime, t.lifetime)
	case t.once && t.lifetime > MaxOnceLifetime:
		return nil, fmt.Errorf("tickets: want a lifetime of at most %s with once, got %s", MaxOnceLifetime, t.lifetime)
	case t.bind > BindOrigin:
		return nil, fmt.Errorf("tickets: want a known binding, got %d", t.bind)
	case t.issues:
		t.signers, err = secretSigners(config.Secrets)
	default:
		t.signers, err = publicSigners(config.PublicKey)
	}
	if err != nil {
		return nil, fmt.Errorf("tickets: %w", err)
	}
	return t, nil
}

// Has reports whether the secret or public key that signed a ticket is still there.
func (t *Tickets) Has(id ID) bool {
	for i := range t.signers {
		if t.signers[i].id == id {
			return true
		}
	}
	return false
}

// String shows nothing.
func (*Tickets) String() string { return "tickets" }

// GoString is String.
func (t *Tickets) GoString() string { return t.String() }
