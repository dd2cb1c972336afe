package usher

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/dustin/go-humanize"

	"github.com/scan2food/usher/handler/caddy/app"
	"github.com/scan2food/usher/handler/caddy/statuspage"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/caddy/websockettunnel"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/websocket/gate"
)

// parseUsher parses the global option:
//
//	usher {
//		shared {
//			storage <module> ...
//			every <duration>
//			prefix <name>
//		}
//	}
func parseUsher(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next()
	if existing != nil {
		return nil, d.Err("usher: want the global option once, got it again")
	}
	if d.NextArg() {
		return nil, d.Errf("usher: want a block, got %q", d.Val())
	}
	a := new(app.App)
	err := block(d, "usher", once("shared", func(d *caddyfile.Dispenser) error {
		if d.NextArg() {
			return d.Errf("shared: want nothing or a block, got %q; a storage belongs into the block, as in storage redis", d.Val())
		}
		a.Shared = new(app.Shared)
		return block(d, "shared",
			once("storage", func(d *caddyfile.Dispenser) error { return parseStorage(d, a.Shared) }),
			checked(duration("every", &a.Shared.Every), a.Shared.Check),
			checked(value("prefix", &a.Shared.Prefix), a.Shared.Check),
		)
	}))
	if err != nil {
		return nil, err
	}
	if a.Shared == nil {
		return nil, d.Err("usher: want shared in the block, got nothing")
	}
	return httpcaddyfile.App{Name: "usher", Value: caddyconfig.JSON(a, nil)}, nil
}

// parseStorage parses a storage module as Caddy's own global option does.
func parseStorage(d *caddyfile.Dispenser, s *app.Shared) error {
	if !d.NextArg() {
		return d.Err("storage: want a storage module, such as file_system, got none")
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, "caddy.storage."+name)
	if err != nil {
		return err
	}
	storage, ok := module.(caddy.StorageConverter)
	if !ok {
		return d.Errf("storage: want a storage module, got %s", name)
	}
	s.StorageRaw = caddyconfig.JSONModuleObject(storage, "module", name, nil)
	return nil
}

// parseWebSocketGate parses the directive:
//
//	websocket_gate [<matcher>] {
//		route <name> <path>... {
//			key <secret> [<label>] [from <RFC 3339 time>] [until <time>]
//			keys_file <path> [<name>...]
//			public
//			session <cookie name> [strict]
//			credential query|header|cookie|subprotocol <name>
//			credential bearer
//			hide_credentials
//			upstream_credential query|header <name> <secret>
//			ticket {
//				secret <secret>...
//				public_key <PEM file>
//				issue_on <page path>...
//				cookie <name>
//				lifetime <duration>
//				bind client|origin
//				once
//			}
//			origins same|any|<origin>...
//			max_open <n> [per_client <n>] [per_key <n>] [per_user <n>]
//			max_rate <n>/<duration> [<size>/<duration>] [close]
//			max_age <duration>
//			idle_timeout <duration>
//			handshake_timeout <duration>
//			plain_http refuse|check|pass
//			min_generation current|previous
//		}
//		reject status|close|auto
//		unlisted refuse|pass
//		forward_nel
//		dark_after <n> [<duration>]
//	}
func parseWebSocketGate(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	d := h.Dispenser
	d.Next() // ExtractMatcherSet resets the dispenser
	if websocketgate.MatchesHandshakes(matchers) {
		return nil, d.Err("websocket_gate: want no matcher, or one of paths or hosts: the gate detects handshakes itself, and a " +
			"matcher for Upgrade or Connection misses some, such as Connection: upgrade and those of HTTP/3")
	}
	g := new(websocketgate.Handler)
	if d.NextArg() {
		return nil, d.Errf("websocket_gate: want a block, got %q", d.Val())
	}
	err = block(d, "websocket_gate",
		param{"route", func(d *caddyfile.Dispenser) error {
			route, err := parseRoute(d)
			g.Routes = append(g.Routes, route)
			return err
		}},
		oneOf("reject", &g.Reject, "status", "close", "auto"),
		oneOf("unlisted", &g.Unlisted, "refuse", "pass"),
		boolean("forward_nel", &g.ForwardNEL),
		once("dark_after", func(d *caddyfile.Dispenser) error { return parseDarkAfter(d, g) }),
	)
	if err != nil {
		return nil, err
	}
	if len(g.Routes) == 0 {
		return nil, d.Err("websocket_gate: want at least one route, got none")
	}
	return h.NewRoute(matchers, g), nil
}

func parseRoute(d *caddyfile.Dispenser) (*websocketgate.Route, error) {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return nil, d.Errf("route: want a name and at least one path, got %q", args)
	}
	r := &websocketgate.Route{Name: args[0], Paths: args[1:], Source: sourceOf(d)}
	return r, block(d, "route",
		param{"key", func(d *caddyfile.Dispenser) error { return parseKey(d, r) }},
		param{"keys_file", func(d *caddyfile.Dispenser) error {
			args := d.RemainingArgs()
			if len(args) == 0 {
				return d.Err("keys_file: want a path, and the names of the keys if it is a dotenv file")
			}
			r.KeysFiles = append(r.KeysFiles, &websocketgate.KeysFile{Path: args[0], Names: args[1:], Source: sourceOf(d)})
			return nil
		}},
		boolean("public", &r.Public),
		once("session", func(d *caddyfile.Dispenser) error { return parseSession(d, r) }),
		param{"credential", func(d *caddyfile.Dispenser) error { return parseCredential(d, r) }},
		boolean("hide_credentials", &r.HideCredentials),
		once("upstream_credential", func(d *caddyfile.Dispenser) error { return parseUpstreamCredential(d, r) }),
		once("ticket", func(d *caddyfile.Dispenser) error { return parseTicket(d, r) }),
		param{"origins", func(d *caddyfile.Dispenser) error { return parseOrigins(d, r) }},
		once("max_open", func(d *caddyfile.Dispenser) error { return parseMaxOpen(d, r) }),
		once("max_rate", func(d *caddyfile.Dispenser) error { return parseMaxRate(d, r) }),
		duration("max_age", &r.MaxAge),
		duration("idle_timeout", &r.IdleTimeout),
		duration("handshake_timeout", &r.HandshakeTimeout),
		oneOf("plain_http", &r.PlainHTTP, "refuse", "check", "pass"),
		oneOf("min_generation", &r.MinGeneration, "current", "previous"),
	)
}

func parseKey(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	key := &websocketgate.Key{Source: sourceOf(d)}
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("key: want a secret, such as {env.%s_WS_KEY}; an unset {$...} is replaced by nothing", strings.ToUpper(r.Name))
	}
	key.Secret, args = args[0], args[1:]
	if len(args) > 0 && args[0] != "from" && args[0] != "until" {
		if key.Label, args = args[0], args[1:]; key.Label == "" {
			return d.Err("key: want a label or none after the secret, got an empty one")
		}
	}
	for len(args) > 0 {
		if args[0] != "from" && args[0] != "until" { // the error does not show the word, which may be the secret
			return d.Errf("key: want from <time> or until <time> after the secret and the label; write the secret first")
		}
		if len(args) < 2 {
			return d.Errf("key: want an RFC 3339 time such as 2026-01-31T00:00:00Z after %s, got none", args[0])
		}
		at, err := time.Parse(time.RFC3339, args[1])
		if err != nil {
			return d.Errf("key: want an RFC 3339 time such as 2026-01-31T00:00:00Z after %s, got %q", args[0], args[1])
		}
		switch {
		case args[0] == "from" && key.From.IsZero():
			key.From = at
		case args[0] == "until" && key.Until.IsZero():
			key.Until = at
		default:
			return d.Errf("key: want from and until once each, got %q", args[0])
		}
		args = args[2:]
	}
	r.Keys = append(r.Keys, key)
	return nil
}

func parseSession(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 || len(args) == 2 && args[1] != "strict" {
		return d.Errf("session: want the name of a cookie, and optionally strict, got %q", args)
	}
	r.Session = &websocketgate.Session{Cookie: args[0], Strict: len(args) == 2}
	return nil
}

func parseCredential(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == "bearer":
		r.Credentials = append(r.Credentials, websocketgate.Credential{In: args[0]})
		return nil
	case len(args) == 2 && slices.Contains([]string{"query", "header", "cookie", "subprotocol"}, args[0]):
		r.Credentials = append(r.Credentials, websocketgate.Credential{In: args[0], Name: args[1]})
		return nil
	default:
		// The error does not show the words, since a misplaced key may be among them.
		return d.Errf("credential: want query, header, cookie or subprotocol and a name, or bearer alone, got %d words", len(args))
	}
}

func parseUpstreamCredential(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	args := d.RemainingArgs()
	if len(args) != 3 || args[0] != "query" && args[0] != "header" {
		return d.Errf("upstream_credential: want query or header, a name and a secret, got %d words", len(args))
	}
	r.UpstreamCredential = &websocketgate.UpstreamCredential{In: args[0], Name: args[1], Secret: args[2]}
	return nil
}

func parseTicket(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	t := &websocketgate.Ticket{Source: sourceOf(d)}
	if args := d.RemainingArgs(); len(args) > 0 {
		return d.Errf("ticket: want a block, got %d words", len(args))
	}
	err := block(d, "ticket",
		param{"secret", func(d *caddyfile.Dispenser) error {
			args := d.RemainingArgs()
			if len(args) == 0 {
				return d.Err("secret: want at least one, such as {env.TICKET_SECRET}; an unset {$...} is replaced by nothing")
			}
			t.Secrets = append(t.Secrets, args...)
			return nil
		}},
		value("public_key", &t.PublicKey),
		list("issue_on", "the paths of pages, such as /screen/", &t.IssueOn, nil),
		value("cookie", &t.Cookie),
		duration("lifetime", &t.Lifetime),
		oneOf("bind", &t.Bind, "client", "origin"),
		boolean("once", &t.Once),
	)
	if err != nil {
		return err
	}
	switch signed, verified := len(t.Secrets) > 0, t.PublicKey != ""; {
	case signed && verified:
		return d.Err("ticket: want either a secret or a public_key, got both")
	case !signed && !verified:
		return d.Err("ticket: want either a secret or a public_key, got none")
	}
	r.Ticket = t
	return nil
}

func parseOrigins(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("origins: want same, any, or origins such as https://example.com, got none")
	}
	for _, origin := range args {
		if origin != "same" && origin != "any" {
			if _, err := gate.ParseOrigin(origin); err != nil {
				return d.Errf("origins: %v", err)
			}
		}
	}
	r.Origins = append(r.Origins, args...)
	return nil
}

func parseMaxOpen(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	args := append([]string{""}, d.RemainingArgs()...)
	limits := map[string]*int{"": &r.MaxOpen, "per_client": &r.MaxOpenPerClient, "per_key": &r.MaxOpenPerKey, "per_user": &r.MaxOpenPerUser}
	for i := 0; i < len(args); i += 2 {
		limit, known := limits[args[i]]
		if !known || i+1 == len(args) {
			return d.Errf("max_open: want a number, and optionally per_client, per_key and per_user with a number each, got %q", args[1:])
		}
		if *limit != 0 {
			return d.Errf("max_open: want %s once, got it again", args[i])
		}
		number, err := strconv.Atoi(args[i+1])
		if err != nil || number < 1 {
			return d.Errf("max_open: want a number of sockets, got %q", args[i+1])
		}
		*limit = number
	}
	return nil
}

func parseMaxRate(d *caddyfile.Dispenser, r *websocketgate.Route) error {
	written := d.RemainingArgs()
	args, rate := written, &websocketgate.MaxRate{}
	if n := len(args) - 1; n > 0 && args[n] == "close" {
		rate.Close, args = true, args[:n]
	}
	valid := len(args) == 1 || len(args) == 2
	if valid {
		count, period, _ := strings.Cut(args[0], "/")
		number, err := strconv.Atoi(count)
		rate.Messages = number
		valid = err == nil && number > 0 && setDuration(&rate.MessagePeriod, period)
	}
	if valid && len(args) == 2 {
		count, period, _ := strings.Cut(args[1], "/")
		size, err := humanize.ParseBytes(count)
		rate.Bytes = int(size)
		valid = err == nil && size > 0 && size <= math.MaxInt32 && setDuration(&rate.BytePeriod, period)
	}
	if !valid {
		return d.Errf("max_rate: want messages and a duration, such as 20/1s, optionally a size and a duration, such as 64KiB/1s, "+
			"and optionally close, got %q", written)
	}
	r.MaxRate = rate
	return nil
}

func parseDarkAfter(d *caddyfile.Dispenser, g *websocketgate.Handler) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Errf("dark_after: want a number of rejections, and optionally a duration, got %q", args)
	}
	number, err := strconv.Atoi(args[0])
	if err != nil || number < 1 {
		return d.Errf("dark_after: want a number of rejections, got %q", args[0])
	}
	g.DarkAfter = number
	if len(args) == 2 && !setDuration(&g.DarkLasting, args[1]) {
		return d.Errf("dark_after: want a duration such as 1m, got %q", args[1])
	}
	return nil
}

// parseWebSocketTunnel parses the directive:
//
//	websocket_tunnel [<matcher>] <upstream>... {
//		lb_policy <policy> ...
//		dial_timeout <duration>
//		handshake_timeout <duration>
//		write_timeout <duration>
//		header_up [+|-]<field> [<value|regexp> [<replacement>]]
//		pace <n>/<duration>
//		ping <duration>
//		max_frame <size>
//		drain <duration>
//		portable_reads
//	}
func parseWebSocketTunnel(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	t := &websockettunnel.Handler{Upstreams: h.RemainingArgs()}
	if len(t.Upstreams) == 0 {
		return nil, h.Err("websocket_tunnel: want at least one upstream, such as 127.0.0.1:8001 or unix//run/daphne.sock, got none")
	}
	for _, upstream := range t.Upstreams {
		if err := websockettunnel.CheckUpstream(upstream); err != nil {
			return nil, h.Errf("websocket_tunnel: upstream %s: %v", upstream, err)
		}
	}
	return t, block(h.Dispenser, "websocket_tunnel",
		once("lb_policy", func(d *caddyfile.Dispenser) error { return parsePolicy(d, t) }),
		duration("dial_timeout", &t.DialTimeout),
		duration("handshake_timeout", &t.HandshakeTimeout),
		duration("write_timeout", &t.WriteTimeout),
		param{"header_up", func(d *caddyfile.Dispenser) error { return parseHeaderUp(d, t) }},
		once("pace", func(d *caddyfile.Dispenser) error { return parsePace(d, t) }),
		duration("ping", &t.Ping),
		once("max_frame", func(d *caddyfile.Dispenser) error { return parseMaxFrame(d, t) }),
		duration("drain", &t.Drain),
		boolean("portable_reads", &t.PortableReads),
	)
}

// parseUsherStatus parses the directive:
//
//	usher_status [<matcher>] [public]
func parseUsherStatus(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	args := h.RemainingArgs()
	if len(args) > 1 || len(args) == 1 && args[0] != "public" {
		return nil, h.Errf("usher_status: want nothing or public, got %q", args)
	}
	if h.NextBlock(h.Nesting()) {
		return nil, h.Err("usher_status: want no block")
	}
	return &statuspage.Handler{Public: len(args) == 1}, nil
}

func parsePolicy(d *caddyfile.Dispenser, t *websockettunnel.Handler) error {
	if !d.NextArg() {
		return d.Err("lb_policy: want a policy, such as least_conn, got none")
	}
	name := d.Val()
	module, err := caddyfile.UnmarshalModule(d, "http.reverse_proxy.selection_policies."+name)
	if err != nil {
		return err
	}
	selector, ok := module.(reverseproxy.Selector)
	if !ok {
		return d.Errf("lb_policy: want a selection policy, got %s", name)
	}
	t.SelectionPolicyRaw = caddyconfig.JSONModuleObject(selector, "policy", name, nil)
	return nil
}

func parseHeaderUp(d *caddyfile.Dispenser, t *websockettunnel.Handler) error {
	args := d.RemainingArgs()
	if t.Headers == nil {
		t.Headers = new(headers.HeaderOps)
	}
	var err error
	switch len(args) {
	case 1:
		err = headers.CaddyfileHeaderOp(t.Headers, args[0], "", nil)
	case 2:
		err = headers.CaddyfileHeaderOp(t.Headers, args[0], args[1], nil)
	case 3:
		err = headers.CaddyfileHeaderOp(t.Headers, args[0], args[1], &args[2])
	default:
		return d.Errf("header_up: want a field, and optionally a value, or a regular expression and its replacement, got %q", args)
	}
	if err != nil {
		return d.Errf("header_up: %v", err)
	}
	return nil
}

func parsePace(d *caddyfile.Dispenser, t *websockettunnel.Handler) error {
	var pace string
	if err := parseValue(d, &pace); err != nil {
		return err
	}
	count, period, _ := strings.Cut(pace, "/")
	number, err := strconv.Atoi(count)
	if err != nil || number < 1 || !setDuration(&t.PacePeriod, period) {
		return d.Errf("pace: want a number of handshakes and a duration, such as 50/1s, got %q", pace)
	}
	t.Pace = number
	return nil
}

func parseMaxFrame(d *caddyfile.Dispenser, t *websockettunnel.Handler) error {
	var size string
	if err := parseValue(d, &size); err != nil {
		return err
	}
	var err error
	t.MaxFrame, err = humanize.ParseBytes(size)
	if err != nil || t.MaxFrame == 0 {
		return d.Errf("max_frame: want a size such as 1MiB, got %q", size)
	}
	return nil
}

// parseVersionedAssets parses the directive:
//
//	versioned_assets {
//		serve <URL prefix> <root>
//		version_query <name>...
//		manifest <file>...
//		immutable <path pattern>...
//		stamp html|css|js ... [integrity]
//		unstamped <path pattern>...
//		forget_before <RFC 3339 time>
//		keep <duration> [<size>]
//		keep_directory <path>
//		memory <size>
//		settle <duration> [<vanished>]
//		poll <duration>
//		encode gzip|br|zstd ...
//		hide <path pattern>...
//		fallback <path>
//		pass_thru
//		symlinks inside|follow
//		deltas
//		explain
//	}
func parseVersionedAssets(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	if h.NextArg() {
		return nil, h.Errf("versioned_assets: want a block, got %q", h.Val())
	}
	a := new(versionedassets.Handler)
	err := block(h.Dispenser, "versioned_assets",
		param{"serve", func(d *caddyfile.Dispenser) error { return parseServe(d, a) }},
		list("version_query", "at least one value", &a.VersionQuery, func([]string) error { return a.CheckVersionQuery() }),
		list("manifest", "at least one value", &a.Manifest, nil),
		list("immutable", "at least one path pattern, such as /static/vendor/* or *.woff2", &a.Immutable, checkSome("immutable")),
		once("stamp", func(d *caddyfile.Dispenser) error { return parseStamp(d, a) }),
		list("unstamped", "at least one path pattern, such as /static/leaflet/*", &a.Unstamped, checkPatterns("unstamped")),
		once("forget_before", func(d *caddyfile.Dispenser) error { return parseForgetBefore(d, a) }),
		once("keep", func(d *caddyfile.Dispenser) error { return parseKeep(d, a) }),
		value("keep_directory", &a.KeepDirectory),
		once("memory", func(d *caddyfile.Dispenser) error {
			if err := parseValue(d, &a.Memory); err != nil {
				return err
			}
			if _, err := a.MemoryBytes(); err != nil {
				return d.Errf("memory: %v", err)
			}
			return nil
		}),
		once("settle", func(d *caddyfile.Dispenser) error { return parseSettle(d, a) }),
		checked(duration("poll", &a.Poll), a.CheckPoll),
		list("encode", "gzip, br or zstd", &a.Encode, checkCodings),
		list("hide", "at least one path pattern, such as /static/vendor/* or *.woff2", &a.Hide, checkSome("hide")),
		checked(value("fallback", &a.Fallback), func() error {
			if !strings.HasPrefix(a.Fallback, "/") {
				return fmt.Errorf("fallback: want a path such as /app/index.html, got %q", a.Fallback)
			}
			return nil
		}),
		boolean("pass_thru", &a.PassThru),
		checked(value("symlinks", &a.Symlinks), a.CheckSymlinks),
		boolean("deltas", &a.Deltas),
		boolean("explain", &a.Explain),
	)
	if err != nil {
		return nil, err
	}
	if err := a.Check(time.Now()); err != nil {
		return nil, h.WrapErr(fmt.Errorf("versioned_assets: %w", err))
	}
	return a, nil
}

func parseServe(d *caddyfile.Dispenser, a *versionedassets.Handler) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Errf("serve: want a URL prefix and a directory, got %q", args)
	}
	prefix := strings.TrimSuffix(args[0], "*")
	if !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	if versionedassets.CheckPrefix(prefix) != nil {
		return d.Errf("serve: want a URL prefix such as /static/, got %q", args[0])
	}
	for _, other := range a.Serve {
		if other.Prefix == prefix {
			return d.Errf("serve: want each prefix once, got %s again", prefix)
		}
	}
	a.Serve = append(a.Serve, &versionedassets.Root{Prefix: prefix, Root: args[1], Source: sourceOf(d)})
	return nil
}

func parseStamp(d *caddyfile.Dispenser, a *versionedassets.Handler) error {
	for _, kind := range d.RemainingArgs() {
		switch {
		case kind == "integrity" && !a.Integrity:
			a.Integrity = true
		case (kind == versionedassets.StampHTML || kind == versionedassets.StampCSS || kind == versionedassets.StampJS) && !a.Stamps(kind):
			a.Stamp = append(a.Stamp, kind)
		default:
			return d.Errf("stamp: want html, css or js once each, and optionally integrity, got %q", kind)
		}
	}
	if len(a.Stamp) == 0 {
		return d.Err("stamp: want html, css or js, got none")
	}
	return locate(d, a.CheckStamp())
}

func parseForgetBefore(d *caddyfile.Dispenser, a *versionedassets.Handler) error {
	var text string
	if err := parseValue(d, &text); err != nil {
		return err
	}
	var err error
	if a.ForgetBefore, err = time.Parse(time.RFC3339, text); err != nil {
		return d.Errf("forget_before: want an RFC 3339 time such as 2026-01-31T00:00:00Z, got %q", text)
	}
	return nil
}

func parseKeep(d *caddyfile.Dispenser, a *versionedassets.Handler) error {
	args := d.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return d.Errf("keep: want a duration, and optionally a size, got %q", args)
	}
	if args[0] == "off" && len(args) == 1 {
		a.Keep = -1
		return nil
	}
	if !setDuration((*caddy.Duration)(&a.Keep), args[0]) {
		return d.Errf("keep: want a duration such as 72h, or off, got %q", args[0])
	}
	if len(args) == 2 {
		a.KeepSize = args[1]
		if _, err := a.KeepBytes(); err != nil {
			return d.Errf("keep: %v", err)
		}
	}
	return nil
}

func parseSettle(d *caddyfile.Dispenser, a *versionedassets.Handler) error {
	args := d.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return d.Errf("settle: want a duration, and optionally one for vanished files, got %q", args)
	}
	for i, into := range []*caddy.Duration{&a.Settle, &a.Vanished}[:len(args)] {
		if !setDuration(into, args[i]) {
			return d.Errf("settle: want a duration such as 1s, got %q", args[i])
		}
	}
	return locate(d, a.CheckSettle())
}

func checkPatterns(option string) func([]string) error {
	return func(patterns []string) error {
		if err := tree.Patterns(patterns).Check(); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		return nil
	}
}

func checkSome(option string) func([]string) error {
	return func(patterns []string) error {
		if err := tree.Patterns(patterns).CheckSome(); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		return nil
	}
}

func checkCodings(names []string) error {
	for _, name := range names {
		if !slices.Contains([]string{"gzip", "br", "zstd"}, name) {
			return fmt.Errorf("encode: want gzip, br or zstd, got %q", name)
		}
	}
	return nil
}

// param is one option of a block. parse is called with the dispenser at the option's name.
type param struct {
	name  string
	parse func(d *caddyfile.Dispenser) error
}

// block parses a block of options. The error for an unknown option lists the known ones.
func block(d *caddyfile.Dispenser, directive string, params ...param) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		i := slices.IndexFunc(params, func(p param) bool { return p.name == d.Val() })
		if i < 0 {
			var names []string
			for _, p := range params {
				names = append(names, p.name)
			}
			return d.Errf("%s: want one of %s, got %q", directive, strings.Join(names, ", "), d.Val())
		}
		if err := params[i].parse(d); err != nil {
			return err
		}
	}
	return nil
}

// once is an option that may stand in its block once.
func once(name string, parse func(d *caddyfile.Dispenser) error) param {
	seen := false
	return param{name, func(d *caddyfile.Dispenser) error {
		if seen {
			return d.Errf("%s: want it once, got it again", name)
		}
		seen = true
		return parse(d)
	}}
}

// checked is an option whose value is checked after it was parsed.
func checked(p param, check func() error) param {
	return param{p.name, func(d *caddyfile.Dispenser) error {
		if err := p.parse(d); err != nil {
			return err
		}
		return locate(d, check())
	}}
}

// locate adds file and line of the current token to an error. Nil stays nil.
func locate(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

func boolean(name string, into *bool) param {
	return once(name, func(d *caddyfile.Dispenser) error {
		if args := d.RemainingArgs(); len(args) > 0 {
			return d.Errf("%s: want nothing after it, got %q", name, args[0])
		}
		*into = true
		return nil
	})
}

func value(name string, into *string) param {
	return once(name, func(d *caddyfile.Dispenser) error { return parseValue(d, into) })
}

func oneOf(name string, into *string, allowed ...string) param {
	return checked(value(name, into), func() error {
		if !slices.Contains(allowed, *into) {
			return fmt.Errorf("%s: want %s, got %q", name, strings.Join(allowed, " or "), *into)
		}
		return nil
	})
}

func duration(name string, into *caddy.Duration) param {
	return once(name, func(d *caddyfile.Dispenser) error {
		var text string
		if err := parseValue(d, &text); err != nil {
			return err
		}
		if !setDuration(into, text) {
			return d.Errf("%s: want a duration such as 10s or 1h, got %q", name, text)
		}
		return nil
	})
}

// list is an option with one or more values that may stand repeatedly. check may be nil.
func list(name, want string, into *[]string, check func(values []string) error) param {
	return param{name, func(d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.Errf("%s: want %s, got none", name, want)
		}
		if check == nil && slices.Contains(args, "") {
			return d.Errf("%s: want %s, got an empty one", name, want)
		}
		*into = append(*into, args...)
		if check == nil {
			return nil
		}
		return locate(d, check(args))
	}}
}

func parseValue(d *caddyfile.Dispenser, into *string) error {
	name, args := d.Val(), d.RemainingArgs()
	if len(args) != 1 {
		return d.Errf("%s: want one value, got %d", name, len(args))
	}
	if args[0] == "" {
		return d.Errf("%s: want a value, got an empty one", name)
	}
	*into = args[0]
	return nil
}

// setDuration parses a duration above zero.
func setDuration(into *caddy.Duration, text string) bool {
	parsed, err := caddy.ParseDuration(text)
	if err != nil || parsed <= 0 {
		return false
	}
	*into = caddy.Duration(parsed)
	return true
}

// sourceOf returns file and line of the current token, for errors at load. For a snippet it includes the import, which
// Caddy reports in errors alone.
func sourceOf(d *caddyfile.Dispenser) string {
	return strings.TrimPrefix(d.Err("").Error(), ", at ")
}
