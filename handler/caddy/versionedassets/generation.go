package versionedassets

import (
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/handler/caddy/generation"
	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/pages"
)

// siteGenerations holds the generations of the process, by the keys of their trees. They survive reloads, as the trees do.
var siteGenerations = caddy.NewUsagePool()

// followGenerations follows the generation of the site and registers it for the gates of the server.
func (a *Handler) followGenerations(ctx caddy.Context) error {
	var keys []string
	for _, served := range a.served {
		keys = append(keys, served.key)
	}
	pooled, err := a.pooled.Load(siteGenerations, strings.Join(keys, "\n"), func() (caddy.Destructor, error) {
		return pages.Follow(a.handler.Sites), nil
	})
	if err != nil {
		return err
	}
	a.generations = pooled.(*pages.Generations)
	if a.server = lifecycle.Server(ctx); a.server != nil && a.pages != nil {
		generation.Add(a.server, a.generations)
	}
	return nil
}
