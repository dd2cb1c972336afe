package usher

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/pages"
)

// siteGenerations are the generations of the process, by the keys of their directories. They outlive configurations, as the
// directories do.
var siteGenerations = caddy.NewUsagePool()

// stampedSites are the handlers of each server whose pages carry their generation. The gates of the server ask them.
var stampedSites lifecycle.PerServer[*VersionedAssets]

// carriesGenerations reports a server whose pages carry their generation.
func carriesGenerations(server *caddyhttp.Server) bool {
	for range stampedSites.Of(server) {
		return true
	}
	return false
}

// isOutdated reports a page that is older than every site of a server admits. If the server stamps no pages, no page is outdated.
func isOutdated(server *caddyhttp.Server, generation string, previousToo bool) bool {
	outdated := false
	for site := range stampedSites.Of(server) {
		if site.generations.Admits(generation, previousToo) {
			return false
		}
		outdated = true
	}
	return outdated
}

// followGenerations follows the generation of the site, and shares it with the gates of the server.
func (a *VersionedAssets) followGenerations(ctx caddy.Context) error {
	var keys []string
	for _, served := range a.served {
		keys = append(keys, served.key)
	}
	pooled, err := a.uses.Load(siteGenerations, strings.Join(keys, "\n"), func() (caddy.Destructor, error) {
		return pages.Follow(a.handler.Sites), nil
	})
	if err != nil {
		return err
	}
	a.generations = pooled.(*pages.Generations)
	if server := lifecycle.Server(ctx); server != nil && a.pages != nil {
		stampedSites.Add(server, a)
	}
	return nil
}
