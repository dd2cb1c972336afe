package socketlog

import (
	dto "github.com/prometheus/client_model/go"

	"github.com/scan2food/usher/handler/websocket/gate"
)

// Counts returns the handshakes of a route by outcome since the process started. Outcomes that never occurred are left out.
func Counts(route string) map[string]uint64 {
	counts := make(map[string]uint64)
	for _, outcome := range gate.Outcomes {
		var metric dto.Metric
		if err := handshakesTotal.WithLabelValues(route, string(outcome)).Write(&metric); err != nil {
			continue
		}
		if count := uint64(metric.GetCounter().GetValue()); count > 0 {
			counts[string(outcome)] = count
		}
	}
	return counts
}
