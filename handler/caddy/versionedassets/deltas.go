package versionedassets

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

var (
	deltaResponsesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_assets_delta_responses_total",
		Help: "Responses that sent only the difference to a version that the client holds.",
	}, []string{"prefix"})
	deltaMissesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_assets_delta_misses_total",
		Help: "Responses that sent the whole file to a client that offered a version as a dictionary.",
	}, []string{"prefix"})
	deltaSavedBytesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_assets_delta_saved_bytes_total",
		Help: "Bytes that deltas saved, compared with the best full content coding.",
	}, []string{"prefix"})
)

// provisionDeltas registers the metrics of deltas.
func (a *Handler) provisionDeltas(ctx caddy.Context) error {
	if !a.Deltas {
		return nil
	}
	a.handler.SentDelta = func(prefix string, saved int64) {
		deltaResponsesTotal.WithLabelValues(prefix).Inc()
		deltaSavedBytesTotal.WithLabelValues(prefix).Add(float64(max(saved, 0)))
	}
	a.handler.MissedDelta = func(prefix string) { deltaMissesTotal.WithLabelValues(prefix).Inc() }
	return lifecycle.RegisterMetrics(ctx, deltaResponsesTotal, deltaMissesTotal, deltaSavedBytesTotal)
}

// checkDeltas rejects deltas without the archive, which holds the versions that clients hold.
func (a *Handler) checkDeltas() error {
	if a.Deltas && a.Keep < 0 {
		return errors.New("deltas: want an archive of earlier versions, got `keep off`")
	}
	return nil
}
