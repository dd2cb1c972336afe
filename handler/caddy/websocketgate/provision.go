package websocketgate

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// Provision resolves the keys and builds the gate. An empty or short key is an error.
func (g *Handler) Provision(ctx caddy.Context) error {
	g.logger = ctx.Logger()
	if err := g.checkNulls(); err != nil {
		return err
	}
	g.server, g.logs = lifecycle.Server(ctx), redact.New(ctx)
	known, err := newKeySet(g)
	if err != nil {
		return err
	}
	ring, err := known.buildRing()
	if err != nil {
		return g.withSource(err)
	}
	g.warnOfSecrets() // not before all keys are good: a label may be a secret in the wrong place
	g.warnOfShared(ring)
	g.warnOfExpired(ring, time.Now())
	g.warnOfLabels(ring)
	g.app, g.scope = lifecycle.HTTPApp(ctx), scopeOf(ctx, g)
	g.labelled = labelledHosts(ctx, g.scope.hosts)
	g.site = siteOf(g, slices.Collect(liveGates.All()))
	g.owner = &owner{socketlog.NewOwner(g.logger, g.routeNames(), g.labelled.patterns(), g.admitted), g}
	if err := g.joinOthers(ctx); err != nil {
		return err
	}
	config, err := g.buildConfig(ring, g.server)
	if err != nil {
		return err
	}
	if g.gate, err = gate.New(config); err != nil {
		return g.withSource(err)
	}
	if err := g.checkInForce(ctx); err != nil {
		return err
	}
	if err := g.start(ctx, known); err != nil {
		return fmt.Errorf("websocket_gate: %w", err)
	}
	return nil
}

func (g *Handler) routeNames() []string {
	var names []string
	for _, route := range g.Routes {
		names = append(names, route.Name)
	}
	return names
}

// buildConfig returns the configuration of the gate.
func (g *Handler) buildConfig(ring *keys.Ring, server *caddyhttp.Server) (gate.Config, error) {
	routes, err := g.buildRoutes()
	if err != nil {
		return gate.Config{}, err
	}
	if err := g.addGenerations(routes, server); err != nil {
		return gate.Config{}, err
	}
	if err := g.addTickets(routes); err != nil {
		return gate.Config{}, err
	}
	g.countElsewhere(routes)
	reject, err := gate.ParseReject(g.Reject)
	if err != nil {
		return gate.Config{}, fmt.Errorf("websocket_gate: reject: %w", err)
	}
	sessionKey, err := g.loadSessionKey()
	if err != nil {
		return gate.Config{}, err
	}
	config := gate.Config{
		Routes:           routes,
		Ring:             ring,
		Site:             g.site,
		Reject:           reject,
		Rejecter:         rejecter,
		RejectionLimiter: rejectionLimiter,
		PassUnlisted:     g.Unlisted == "pass",
		ForwardNEL:       g.ForwardNEL,
		Registry:         socketlog.Registry(),
		Owner:            g.owner,
		External:         request.ExternalOrigin,
		Client:           request.Client,
		SiteHost:         g.siteHost,
		StatusOf:         request.ErrorStatus,
		CauseOf:          request.ErrorCause,
		Unhandled:        request.Unhandled,
		UsedTickets:      usedTickets,
		Random:           rand.Reader,
		SessionKey:       sessionKey,
		Owns:             g.ownsSocket,
		SiteClosed:       g.siteClosed,
		InvalidClose:     g.logInvalidClose,
		OriginalPath:     func(r *http.Request) string { return request.OriginalURL(r).Path },
		Now:              time.Now,
	}
	if g.node != nil {
		config.Publish, config.Claim, config.Unclaim = g.publish, g.claim, g.unclaim
	}
	return config, nil
}

// start puts the gate into service.
func (g *Handler) start(ctx caddy.Context, known *keySet) error {
	if err := lifecycle.RegisterMetrics(ctx, append(socketlog.Collectors(), gauges{}, plainRequests, siteCloses, rateExceeded, tickets, sessionMetrics{})...); err != nil {
		return err
	}
	watch, err := newWatch(ctx, g)
	if err != nil {
		return err
	}
	if err := lifecycle.OnStarted(ctx, func() {
		g.setStarted()
		g.warnWhenStarted(ctx)
	}); err != nil {
		return err
	}
	g.keys, g.watch = known, watch
	g.live.Store(true)
	g.owner.Start()
	liveGates.Add(g.server, g)
	g.logs.Add(g.gate)
	g.keys.followFiles(g.gate)
	g.watch.start()
	if g.server != nil {
		g.server.RegisterOnShutdown(g.retire)
	}
	return nil
}

// warnWhenStarted checks what needs the whole configuration, of which Provision sees only a part.
func (g *Handler) warnWhenStarted(ctx caddy.Context) {
	g.warnOfDebug(ctx)
	g.warnOfNotInForce()
	g.warnOfAdmitted()
	g.warnOfUnixClients()
	g.warnOfOtherSites()
	g.warnOfGenerations()
	g.warnOfUnseen()
}

// Validate rejects values that only a JSON configuration can hold.
func (g *Handler) Validate() error {
	if g.Unlisted != "" && g.Unlisted != "refuse" && g.Unlisted != "pass" {
		return fmt.Errorf("websocket_gate: unlisted: want refuse or pass, got %q", g.Unlisted)
	}
	if g.DarkAfter < 0 || g.DarkLasting < 0 {
		return errors.New("websocket_gate: dark_after: negative value; write zero or more")
	}
	return nil
}
