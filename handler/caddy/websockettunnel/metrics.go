package websockettunnel

import (
	"github.com/prometheus/client_golang/prometheus"
)

// upstreamGauges reads the state of the upstreams when the metrics are collected. Label values come from the configuration.
type upstreamGauges struct{}

var (
	upstreamOpenDesc = prometheus.NewDesc("usher_websocket_upstream_open",
		"Open sockets to the upstream.", []string{"upstream"}, nil)
	upstreamDrainedDesc = prometheus.NewDesc("usher_websocket_upstream_drained",
		"1 while the upstream is drained: it gets no new sockets.", []string{"upstream"}, nil)
	upstreamFailuresDesc = prometheus.NewDesc("usher_websocket_upstream_failures_total",
		"Handshakes that could not reach the upstream.", []string{"upstream"}, nil)
	upstreamWaitingDesc = prometheus.NewDesc("usher_websocket_upstream_waiting",
		"Handshakes that wait for their turn (pace).", []string{"upstream"}, nil)
	upstreamWaitedDesc = prometheus.NewDesc("usher_websocket_upstream_waited_total",
		"Handshakes that had to wait for their turn (pace).", []string{"upstream"}, nil)
	upstreamPacedDesc = prometheus.NewDesc("usher_websocket_upstream_pace_rejected_total",
		"Handshakes that would have waited too long for their turn (pace).", []string{"upstream"}, nil)
)

// Describe implements prometheus.Collector.
func (upstreamGauges) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		upstreamOpenDesc, upstreamDrainedDesc, upstreamFailuresDesc, upstreamWaitingDesc, upstreamWaitedDesc, upstreamPacedDesc,
	} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (upstreamGauges) Collect(metrics chan<- prometheus.Metric) {
	for _, h := range hosts() {
		drained := 0.0
		if h.Drained() {
			drained = 1
		}
		metrics <- prometheus.MustNewConstMetric(upstreamOpenDesc, prometheus.GaugeValue, float64(h.Open()), h.key)
		metrics <- prometheus.MustNewConstMetric(upstreamDrainedDesc, prometheus.GaugeValue, drained, h.key)
		metrics <- prometheus.MustNewConstMetric(upstreamFailuresDesc, prometheus.CounterValue, float64(h.Failures()), h.key)
		paced := h.Paced()
		metrics <- prometheus.MustNewConstMetric(upstreamWaitingDesc, prometheus.GaugeValue, float64(paced.Waiting), h.key)
		metrics <- prometheus.MustNewConstMetric(upstreamWaitedDesc, prometheus.CounterValue, float64(paced.Waited), h.key)
		metrics <- prometheus.MustNewConstMetric(upstreamPacedDesc, prometheus.CounterValue, float64(paced.Rejected), h.key)
	}
}
