package usher

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// seen remembers which words of a block stood already: those that take one value refuse a second one.
type seen map[string]bool

func (s seen) first(d *caddyfile.Dispenser) error {
	if s[d.Val()] {
		return d.Errf("%s: want it once, got it again", d.Val())
	}
	s[d.Val()] = true
	return nil
}

func (s seen) flag(d *caddyfile.Dispenser, into *bool) error {
	word := d.Val()
	if err := s.first(d); err != nil {
		return err
	}
	if args := d.RemainingArgs(); len(args) > 0 {
		return d.Errf("%s: want nothing after it, got %q", word, args[0])
	}
	*into = true
	return nil
}

func (s seen) one(d *caddyfile.Dispenser, into *string) error {
	word := d.Val()
	if err := s.first(d); err != nil {
		return err
	}
	args := d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("%s: want one value, got %d", word, len(args))
	}
	*into = args[0]
	return nil
}

func (s seen) oneOf(d *caddyfile.Dispenser, into *string, allowed ...string) error {
	word := d.Val()
	if err := s.one(d, into); err != nil {
		return err
	}
	for _, value := range allowed {
		if *into == value {
			return nil
		}
	}
	return d.Errf("%s: want %s, got %q", word, strings.Join(allowed, " or "), *into)
}

func (s seen) duration(d *caddyfile.Dispenser, into *caddy.Duration) error {
	word := d.Val()
	var value string
	if err := s.one(d, &value); err != nil {
		return err
	}
	if !parseDuration(value, into) {
		return d.Errf("%s: want a duration such as 10s or 1h, got %q", word, value)
	}
	return nil
}

// parseDuration takes what is longer than nothing.
func parseDuration(text string, into *caddy.Duration) bool {
	duration, err := caddy.ParseDuration(text)
	if err != nil || duration <= 0 {
		return false
	}
	*into = caddy.Duration(duration)
	return true
}

// unknownWord names the words that would have been understood.
func unknownWord(d *caddyfile.Dispenser, block string, known ...string) error {
	return d.Errf("%s: want one of %s, got %q", block, strings.Join(known, ", "), d.Val())
}

// place is where the current word stands, for errors that only provisioning can find: in a snippet, also where that was imported,
// which Caddy tells in errors alone.
func place(d *caddyfile.Dispenser) string {
	return strings.TrimPrefix(d.Err("").Error(), ", at ")
}
