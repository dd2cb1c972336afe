package usher

import (
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/static/assets"
)

func parseVersionedAssets(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	a := new(VersionedAssets)
	return a, a.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	versioned_assets {
//		serve <URL prefix> <root>
//		version_query <name>...
//		manifest <file>...
//		immutable <path pattern>...
//		stamp html|css|js ... [integrity]
//		forget_before <RFC 3339 time>
//		keep <duration> [<size>]
//		keep_directory <path>
//		memory <size>
//		settle <duration> [<vanished>]
//		poll <duration>
//		encode gzip|br|zstd ...
//		hide <path pattern>...
//		fallback <path>
//		explain
//	}
func (a *VersionedAssets) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("versioned_assets: want a block, got %q", d.Val())
	}
	once := seen{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch word := d.Val(); word {
		case "serve":
			err = a.unmarshalServe(d)
		case "version_query":
			err = a.unmarshalVersionQuery(d)
		case "manifest":
			err = list(d, &a.Manifest)
		case "immutable":
			err = patterns(d, &a.Immutable)
		case "stamp":
			err = a.unmarshalStamp(d, once)
		case "forget_before":
			err = a.unmarshalForgetBefore(d, once)
		case "keep":
			err = a.unmarshalKeep(d, once)
		case "keep_directory":
			err = once.one(d, &a.KeepDirectory)
		case "memory":
			err = a.unmarshalMemory(d, once)
		case "settle":
			err = a.unmarshalSettle(d, once)
		case "poll":
			err = a.unmarshalPoll(d, once)
		case "encode":
			err = a.unmarshalEncode(d)
		case "hide":
			err = patterns(d, &a.Hide)
		case "fallback":
			err = a.unmarshalFallback(d, once)
		case "explain":
			err = once.flag(d, &a.Explain)
		default:
			err = unknownWord(d, "versioned_assets", "serve", "version_query", "manifest", "immutable", "stamp", "forget_before",
				"keep", "keep_directory", "memory", "settle", "poll", "encode", "hide", "fallback", "explain")
		}
		if err != nil {
			return err
		}
	}
	if err := a.check(time.Now()); err != nil {
		return d.WrapErr(fmt.Errorf("versioned_assets: %w", err))
	}
	return nil
}

func (a *VersionedAssets) unmarshalServe(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("serve: want a URL prefix and a directory, got %q", args)
	}
	prefix := strings.TrimSuffix(args[0], "*")
	if !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	if checkPrefix(prefix) != nil {
		return d.Errf("serve: want a URL prefix such as /static/, got %q", args[0])
	}
	for _, other := range a.Serve {
		if other.Prefix == prefix {
			return d.Errf("serve: %s is served already", prefix)
		}
	}
	a.Serve = append(a.Serve, &AssetRoot{Prefix: prefix, Root: args[1], Source: place(d)})
	return nil
}

func (a *VersionedAssets) unmarshalVersionQuery(d *caddyfile.Dispenser) error {
	if err := list(d, &a.VersionQuery); err != nil {
		return err
	}
	if err := a.checkVersionQuery(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (a *VersionedAssets) unmarshalStamp(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	for _, word := range d.RemainingArgs() {
		switch {
		case word == "integrity" && !a.Integrity:
			a.Integrity = true
		case (word == stampHTML || word == stampCSS || word == stampJS) && !a.stamps(word):
			a.Stamp = append(a.Stamp, word)
		default:
			return d.Errf("stamp: want html, css or js, once each, and perhaps integrity, got %q", word)
		}
	}
	if len(a.Stamp) == 0 {
		return d.Err("stamp: want html, css or js, got none")
	}
	if err := a.checkStamp(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (a *VersionedAssets) unmarshalForgetBefore(d *caddyfile.Dispenser, once seen) error {
	var text string
	if err := once.one(d, &text); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return d.Errf("forget_before: want an RFC 3339 time such as 2026-01-31T00:00:00Z, got %q", text)
	}
	a.ForgetBefore = at
	return nil
}

// unmarshalKeep takes `off` for the duration too.
func (a *VersionedAssets) unmarshalKeep(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	args := d.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return d.Errf("keep: want a duration, and perhaps a size, got %q", args)
	}
	if args[0] == "off" && len(args) == 1 {
		a.Keep = -1
		return nil
	}
	if !parseDuration(args[0], &a.Keep) {
		return d.Errf("keep: want a duration such as 72h, or off, got %q", args[0])
	}
	if len(args) == 2 {
		a.KeepSize = args[1]
		if _, err := a.keepSize(); err != nil {
			return d.Errf("keep: %v", err)
		}
	}
	return nil
}

func (a *VersionedAssets) unmarshalMemory(d *caddyfile.Dispenser, once seen) error {
	if err := once.one(d, &a.Memory); err != nil {
		return err
	}
	if _, err := a.memory(); err != nil {
		return d.Errf("memory: %v", err)
	}
	return nil
}

func (a *VersionedAssets) unmarshalSettle(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	args := d.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return d.Errf("settle: want a duration, and perhaps one for files that vanished, got %q", args)
	}
	for i, into := range []*caddy.Duration{&a.Settle, &a.Vanished}[:len(args)] {
		if !parseDuration(args[i], into) {
			return d.Errf("settle: want a duration such as 1s, got %q", args[i])
		}
	}
	return nil
}

func (a *VersionedAssets) unmarshalPoll(d *caddyfile.Dispenser, once seen) error {
	if err := once.duration(d, &a.Poll); err != nil {
		return err
	}
	if err := a.checkPoll(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (a *VersionedAssets) unmarshalEncode(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("encode: want gzip, br or zstd, got none")
	}
	for _, name := range args {
		if name != "gzip" && name != "br" && name != "zstd" {
			return d.Errf("encode: want gzip, br or zstd, got %q", name)
		}
	}
	a.Encode = append(a.Encode, args...)
	return nil
}

func (a *VersionedAssets) unmarshalFallback(d *caddyfile.Dispenser, once seen) error {
	if err := once.one(d, &a.Fallback); err != nil {
		return err
	}
	if !strings.HasPrefix(a.Fallback, "/") {
		return d.Errf("fallback: want a path such as /app/index.html, got %q", a.Fallback)
	}
	return nil
}

func list(d *caddyfile.Dispenser, into *[]string) error {
	word, args := d.Val(), d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: want at least one value, got none", word)
	}
	*into = append(*into, args...)
	return nil
}

func patterns(d *caddyfile.Dispenser, into *[]string) error {
	word, args := d.Val(), d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: want at least one path pattern, such as /static/vendor/* or *.woff2, got none", word)
	}
	if err := assets.Patterns(args).Check(); err != nil {
		return d.Errf("%s: %v", word, err)
	}
	*into = append(*into, args...)
	return nil
}

var _ caddyfile.Unmarshaler = (*VersionedAssets)(nil)
