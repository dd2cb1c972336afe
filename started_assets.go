package usher

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// startWithSite has the directories read when the configuration starts: one that is only checked (`caddy validate`) reads
// none. A request that comes before is a start too.
func (a *VersionedAssets) startWithSite(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting the events app: %w", err)
	}
	return app.(*caddyevents.App).On("started", onStarted(a.start))
}

func (a *VersionedAssets) start() {
	for _, served := range a.served {
		served.tree.Start()
	}
}

// onStarted is a function as a handler of events.
type onStarted func()

// Handle calls it.
func (f onStarted) Handle(context.Context, caddy.Event) error {
	f()
	return nil
}

var _ caddyevents.Handler = onStarted(nil)
