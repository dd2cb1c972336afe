package lifecycle

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

// OnStarted calls a function once the configuration is in force. A configuration that is only validated never starts.
func OnStarted(ctx caddy.Context, started func()) error {
	events, err := Events(ctx)
	if err != nil {
		return err
	}
	return events.On("started", startHandler(started))
}

// Events returns Caddy's events app.
func Events(ctx caddy.Context) (*caddyevents.App, error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, fmt.Errorf("loading the events app: %w", err)
	}
	return app.(*caddyevents.App), nil
}

type startHandler func()

// Handle implements caddyevents.Handler.
func (f startHandler) Handle(context.Context, caddy.Event) error {
	f()
	return nil
}

var _ caddyevents.Handler = startHandler(nil)
