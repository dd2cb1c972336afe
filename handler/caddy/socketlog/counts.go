package socketlog

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Counts returns the handshakes of each route by outcome since the process started, on all hosts. Outcomes that never occurred
// are left out.
func Counts() map[string]map[string]uint64 {
	metrics := make(chan prometheus.Metric)
	go func() {
		defer close(metrics)
		handshakesTotal.Collect(metrics)
	}()
	counts := make(map[string]map[string]uint64)
	for metric := range metrics {
		var written dto.Metric
		if err := metric.Write(&written); err != nil {
			continue
		}
		count := uint64(written.GetCounter().GetValue())
		if count == 0 {
			continue
		}
		labels := make(map[string]string)
		for _, pair := range written.GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		route := labels["route"]
		if counts[route] == nil {
			counts[route] = make(map[string]uint64)
		}
		counts[route][labels["outcome"]] += count
	}
	return counts
}
