package websocketgate

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/caddy/socketlog"
)

// tickets counts what happens to tickets.
var tickets = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_websocket_tickets_total",
	Help: "Tickets: issued to pages, accepted for a socket, and rejected because they were used before.",
}, []string{"event"})

// sessionMetrics reads the registry of sockets when the metrics are collected.
type sessionMetrics struct{}

var (
	sessionsDesc      = prometheus.NewDesc("usher_websocket_sessions", "Sessions of the sites that have open sockets.", nil, nil)
	sessionsEndedDesc = prometheus.NewDesc("usher_websocket_sessions_ended_total",
		"Sessions of which a response of the site closed open sockets.", nil, nil)
)

// Describe implements prometheus.Collector.
func (sessionMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- sessionsDesc
	descs <- sessionsEndedDesc
}

// Collect implements prometheus.Collector.
func (sessionMetrics) Collect(metrics chan<- prometheus.Metric) {
	counts := socketlog.Registry().SessionCounts()
	metrics <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue, float64(counts.Open))
	metrics <- prometheus.MustNewConstMetric(sessionsEndedDesc, prometheus.CounterValue, float64(counts.Ended))
}
