package versionedassets

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// archiveName returns the name of the archive of a root. It depends on the site and the prefix, so that a release in another
// directory uses the same archive. If two roots of one configuration have the same site and prefix, for example behind different
// matchers, each has an archive of its own.
func archiveName(r *servedRoot) string {
	site := r.site
	name := directoryName(site+r.prefix, site+"\n"+r.prefix)
	for other := range servedRoots.All() {
		if other.app == r.app && other.root != r.root && filepath.Base(other.archive) == name {
			return directoryName(site+r.prefix, site+"\n"+r.prefix+"\n"+r.root)
		}
	}
	return name
}

// siteOf identifies a site by its hosts without ports, so that two processes of one site behind a load balancer share an archive. A
// site of every host is identified by its ports, unless they are those of HTTP and HTTPS.
func siteOf(server *caddyhttp.Server) string {
	if server == nil {
		return "any"
	}
	if hosts := lifecycle.Hosts(server); len(hosts) > 0 {
		return strings.Join(hosts, "+")
	}
	site := "any"
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
