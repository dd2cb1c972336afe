package lifecycle

import (
	"errors"
	"runtime"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// buildInfo is constant for the life of the process.
var buildInfo = newBuildInfo()

func newBuildInfo() prometheus.Collector {
	caddyVersion, _ := caddy.Version()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "usher_build_info",
		Help:        "Always 1. The labels are the versions of usher, Caddy and Go.",
		ConstLabels: prometheus.Labels{"version": Version(), "caddy": caddyVersion, "goversion": runtime.Version()},
	})
	info.Set(1)
	return info
}

// RegisterMetrics adds collectors, and usher_build_info, to the metrics registry of a configuration. Another module of the
// configuration may have added them before.
func RegisterMetrics(ctx caddy.Context, collectors ...prometheus.Collector) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	for _, collector := range append(collectors, buildInfo) {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(collector); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}
