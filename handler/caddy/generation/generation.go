// Package generation reports whether a page is older than the latest deployment of its server. Assets handlers register here,
// and the gates of the same server check pages.
package generation

import (
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// Site follows the generations of one assets handler.
type Site interface {
	// Admits reports whether pages of a generation are recent enough.
	Admits(generation string, previousToo bool) bool
}

var sites lifecycle.PerServer[Site]

// Add adds a site whose pages carry their generation.
func Add(server *caddyhttp.Server, site Site) { sites.Add(server, site) }

// Remove removes a site that was added.
func Remove(server *caddyhttp.Server, site Site) { sites.Remove(server, site) }

// Carried reports whether any page of the server carries its generation.
func Carried(server *caddyhttp.Server) bool {
	for range sites.Of(server) {
		return true
	}
	return false
}

// Outdated reports a page that no site of the server admits. No page is outdated where none carries its generation.
func Outdated(server *caddyhttp.Server, generation string, previousToo bool) bool {
	outdated := false
	for site := range sites.Of(server) {
		if site.Admits(generation, previousToo) {
			return false
		}
		outdated = true
	}
	return outdated
}
