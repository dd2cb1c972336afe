package socketlog

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// The metrics belong to the process. Each configuration has a registry of its own, and all of them show the same counters.
// Label values come from the configuration or from a closed list.
var (
	handshakesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_handshakes_total", Help: "Handshakes by route and outcome.",
	}, []string{"route", "outcome"})
	socketSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "usher_websocket_duration_seconds", Help: "Lifetimes of closed sockets.",
		Buckets: []float64{1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600},
	}, []string{"route"})
	socketBytes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_bytes_total", Help: "Bytes of closed sockets, in from clients and out to clients.",
	}, []string{"route", "direction"})
	socketCloses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_closes_total", Help: "Closed sockets by close code and by the side that closed them.",
	}, []string{"route", "code", "by"})
	openDesc = prometheus.NewDesc("usher_websocket_open", "Open sockets.", []string{"route"}, nil)
)

// counters are the handshake counters of one owner by route, looked up once.
type counters map[string]map[gate.Outcome]prometheus.Counter

func countersOf(routes []string) counters {
	all := counters{}
	for _, route := range routes {
		all[route] = make(map[gate.Outcome]prometheus.Counter)
		for _, outcome := range gate.Outcomes {
			all[route][outcome] = handshakesTotal.WithLabelValues(route, string(outcome))
		}
	}
	return all
}

func countEnded(ended sockets.EndedEvent) {
	socketSeconds.WithLabelValues(ended.Route).Observe(ended.Duration.Seconds())
	socketBytes.WithLabelValues(ended.Route, "in").Add(float64(ended.In))
	socketBytes.WithLabelValues(ended.Route, "out").Add(float64(ended.Out))
	socketCloses.WithLabelValues(ended.Route, codeLabel(ended.Code), ended.By).Inc()
}

// codeLabel maps a close code to a closed list, since peers may send any code.
func codeLabel(code sockets.Code) string {
	switch {
	case 1000 <= code && code <= 1015, code == 4400, code == 4401, code == 4403, code == 4408:
		return strconv.Itoa(int(code))
	case 4000 <= code && code <= 4999:
		return "4xxx"
	case 3000 <= code && code <= 3999:
		return "3xxx"
	default:
		return "other"
	}
}

// openGauge reads the registry of sockets when the metrics are collected.
type openGauge struct{}

// Describe implements prometheus.Collector.
func (openGauge) Describe(descs chan<- *prometheus.Desc) { descs <- openDesc }

// Collect implements prometheus.Collector. A route of an owner in service is reported also while it has no socket.
func (openGauge) Collect(metrics chan<- prometheus.Metric) {
	open := make(map[string]int)
	for owner := range live.All() {
		for route := range owner.counters {
			if route != "" {
				open[route] = 0
			}
		}
	}
	for _, route := range registry.OpenByRoute() {
		open[route.Route] += route.Open
	}
	for route, count := range open {
		metrics <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(count), route)
	}
}

// Collectors returns the collectors of the socket metrics, for the metrics registry of a configuration.
func Collectors() []prometheus.Collector {
	return []prometheus.Collector{handshakesTotal, socketSeconds, socketBytes, socketCloses, openGauge{}}
}
