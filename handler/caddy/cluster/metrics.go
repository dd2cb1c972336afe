package cluster

import "github.com/prometheus/client_golang/prometheus"

var (
	okDesc    = prometheus.NewDesc("usher_shared_ok", "Whether the shared storage works: 1, or 0.", nil, nil)
	nodesDesc = prometheus.NewDesc("usher_shared_nodes", "Live nodes, this one included.", nil, nil)
)

// gauges reads the node when the metrics are collected.
type gauges struct{}

// Describe implements prometheus.Collector.
func (gauges) Describe(descs chan<- *prometheus.Desc) {
	descs <- okDesc
	descs <- nodesDesc
}

// Collect implements prometheus.Collector.
func (gauges) Collect(metrics chan<- prometheus.Metric) {
	node := Current()
	if node == nil {
		return
	}
	ok := 0.0
	if node.OK() {
		ok = 1
	}
	metrics <- prometheus.MustNewConstMetric(okDesc, prometheus.GaugeValue, ok)
	metrics <- prometheus.MustNewConstMetric(nodesDesc, prometheus.GaugeValue, float64(1+len(node.Peers())))
}
