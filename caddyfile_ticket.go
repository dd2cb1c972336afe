package usher

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unmarshalTicket reads the block of a route's tickets.
func (r *GateRoute) unmarshalTicket(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	ticket := &GateTicket{Source: place(d)}
	if args := d.RemainingArgs(); len(args) > 0 {
		return d.Errf("ticket: want a block, got %d words", len(args))
	}
	within := seen{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := ticket.unmarshal(d, within); err != nil {
			return err
		}
	}
	switch signed, checked := len(ticket.Secrets) > 0, ticket.PublicKey != ""; {
	case signed && checked:
		return d.Err("ticket: want either a secret or a public_key, got both")
	case !signed && !checked:
		return d.Err("ticket: want either a secret or a public_key, got none")
	}
	r.Ticket = ticket
	return nil
}

func (t *GateTicket) unmarshal(d *caddyfile.Dispenser, once seen) error {
	switch word := d.Val(); word {
	case "secret":
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.Err("secret: want at least one, such as {env.TICKET_SECRET}; an unset {$...} leaves nothing behind")
		}
		t.Secrets = append(t.Secrets, args...)
		return nil
	case "public_key":
		return once.one(d, &t.PublicKey)
	case "issue_on":
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.Err("issue_on: want the paths of pages, such as /screen/, got none")
		}
		t.IssueOn = append(t.IssueOn, args...)
		return nil
	case "cookie":
		return once.one(d, &t.Cookie)
	case "lifetime":
		return once.duration(d, &t.Lifetime)
	case "bind":
		return once.oneOf(d, &t.Bind, "client", "origin")
	case "once":
		return once.flag(d, &t.Once)
	default:
		return unknownWord(d, "ticket", "secret", "public_key", "issue_on", "cookie", "lifetime", "bind", "once")
	}
}
