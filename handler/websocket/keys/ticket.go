package keys

import (
	"errors"
	"fmt"
	"time"
)

// DefaultTicketLifetime is the lifetime of an issued ticket. A page that stays open gets the next ticket before its end.
const DefaultTicketLifetime = 10 * time.Minute

// MaxOnceLifetime is the maximum lifetime of a single-use ticket. [UsedTickets] must record each use for that time, and loses
// the record in a restart.
const MaxOnceLifetime = time.Hour

// minTicketLifetime is one second, because the dates of a JWT are whole seconds.
const minTicketLifetime = time.Second

// TicketConfig configures which tickets are valid. Exactly one of Secrets and PublicKey is set.
type TicketConfig struct {
	// Secrets sign and verify with HS256. Each has at least [MinTicketSecretLength] bytes. The first one signs, all verify. To
	// rotate, put a new secret first, and remove the old one when its last ticket has expired.
	Secrets []string
	// PublicKey is one or more PEM blocks, which all verify: Ed25519 for EdDSA, P-256 for ES256. Tickets cannot be issued.
	PublicKey []byte
	// Lifetime is the lifetime of issued tickets, at least a second. Default [DefaultTicketLifetime].
	Lifetime time.Duration
	// Bind is what tickets are bound to. Default: nothing, so any client may use a ticket.
	Bind Bind
	// Once permits each ticket one socket on each of its routes. It needs a jti, and [UsedTickets] must record the use.
	Once bool
}

// String shows nothing, since a configuration holds secrets.
func (TicketConfig) String() string { return "ticket config" }

// GoString is String.
func (c TicketConfig) GoString() string { return c.String() }

// Tickets issues and verifies tickets: signed credentials with a short lifetime. A ticket is a JSON Web Token in its compact form
// (RFC 7519) of at most [MaxTicketLength] bytes. Only the algorithm of the configuration is accepted. The claims are
//
//	aud       the routes that the ticket opens, one or a list; required
//	exp       when the ticket expires; required, without leeway
//	iat, nbf  when the ticket was issued, and when it becomes valid; at most [TicketLeeway] in the future
//	jti       the ID of the ticket; required for single-use tickets
//	sub       the user, for logs, limits and closing; at most [MaxUserLength] bytes
//	bound     what the ticket is bound to, see [BindingOf]; required if tickets are bound
//
// Other claims are ignored. Tickets is immutable and safe for concurrent use.
type Tickets struct {
	signers  []signer
	issues   bool // the first signer is a secret
	lifetime time.Duration
	bind     Bind
	once     bool
}

// NewTickets returns the tickets of a configuration. Errors contain the position and length of a secret, never the secret.
func NewTickets(config TicketConfig) (*Tickets, error) {
	t := &Tickets{lifetime: config.Lifetime, bind: config.Bind, once: config.Once, issues: len(config.Secrets) > 0}
	if t.lifetime == 0 {
		t.lifetime = DefaultTicketLifetime
	}
	var err error
	switch {
	case t.issues == (len(config.PublicKey) > 0):
		return nil, errors.New("tickets: write either secrets or a public key")
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

// Has reports whether the secret or public key that signed a ticket is configured.
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
