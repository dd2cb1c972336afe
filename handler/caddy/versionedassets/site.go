package versionedassets

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// archiveName returns the name of the archive of a root by its identity. It depends on the site and the prefix, so that a release in another
// directory uses the same archive. If two roots of one configuration have the same site and prefix, for example behind different
// matchers, each has an archive of its own.
func archiveName(r *servedRoot) string {
	name, another := archiveNames(r)
	if isTaken(r, func(other *servedRoot) bool { return other.name == name }) {
		return another
	}
	return name
}

// archiveNames returns the name of an archive by its site and prefix, and another one by its root too.
func archiveNames(r *servedRoot) (name, another string) {
	identity := r.site + "\n" + r.prefix
	return directoryName(r.site+r.prefix, identity), directoryName(r.site+r.prefix, identity+"\n"+r.root)
}

// isTaken reports whether another root of the configuration has what r wants.
func isTaken(r *servedRoot, has func(other *servedRoot) bool) bool {
	for other := range servedRoots.All() {
		if other.app == r.app && (other.root != r.root || other.site != r.site) && has(other) {
			return true
		}
	}
	return false
}

// anyHost is how the site of every host is written.
const anyHost = "any"

// siteOf identifies a site by its hosts without ports, so that two processes of one site behind a load balancer share an archive. A
// site of every host is identified by its ports, unless they are those of HTTP and HTTPS.
func siteOf(server *caddyhttp.Server, hosts []string) string {
	if len(hosts) > 0 {
		return strings.Join(hosts, "+")
	}
	site := anyHost
	if server == nil {
		return site
	}
	for _, listen := range slices.Sorted(slices.Values(server.Listen)) {
		address, err := caddy.ParseNetworkAddress(listen)
		switch {
		case err != nil, address.IsUnixNetwork():
			site += " " + listen
		case address.StartPort != caddyhttp.DefaultHTTPPort && address.StartPort != caddyhttp.DefaultHTTPSPort:
			site += ":" + strconv.FormatUint(uint64(address.StartPort), 10)
		}
	}
	return site
}

// maxReadable is how much of a site and prefix the name of a directory shows, in bytes.
const maxReadable = 60

// directoryName makes a name that people can read, and that is different for each identity.
func directoryName(readable, identity string) string {
	readable = strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '+':
			return c
		default:
			return '-'
		}
	}, readable), "-.")
	sum := sha256.Sum256([]byte(identity))
	return strings.Trim(readable[:min(len(readable), maxReadable)], "-.") + "-" + hex.EncodeToString(sum[:4])
}
