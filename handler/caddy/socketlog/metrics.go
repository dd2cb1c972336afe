package socketlog

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// The metrics belong to the process. Each configuration has a registry of its own, and all of them show the same counters.
// Label values come from the configuration or from a closed list. The label host is empty unless the site has several hosts.
var (
	handshakesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_handshakes_total", Help: "Handshakes by route and outcome.",
	}, []string{"route", "host", "outcome"})
	socketSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "usher_websocket_duration_seconds", Help: "Lifetimes of closed sockets.",
		Buckets: []float64{1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600},
	}, []string{"route", "host"})
	socketBytes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_bytes_total", Help: "Bytes of closed sockets, in from clients and out to clients.",
	}, []string{"route", "host", "direction"})
	socketCloses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_closes_total", Help: "Closed sockets by close code and by the side that closed them.",
	}, []string{"route", "host", "code", "by"})
	openDesc = prometheus.NewDesc("usher_websocket_open", "Open sockets by route, host of the site and key label.", []string{"route", "host", "key"}, nil)
)

// counters are the handshake counters of one owner by route and host, looked up once.
type counters map[routeHost]map[gate.Outcome]prometheus.Counter

type routeHost struct{ route, host string }

// countersOf returns the counters of routes on hosts. The host "" of other requests is always included.
func countersOf(routes, hosts []string) counters {
	all := counters{}
	for _, route := range routes {
		for _, host := range append([]string{""}, hosts...) {
			byOutcome := make(map[gate.Outcome]prometheus.Counter)
			for _, outcome := range gate.Outcomes {
				byOutcome[outcome] = handshakesTotal.WithLabelValues(route, host, string(outcome))
			}
			all[routeHost{route, host}] = byOutcome
		}
	}
	return all
}

func countEnded(ended sockets.EndedEvent) {
	route, host := ended.Route, ended.SiteHost
	socketSeconds.WithLabelValues(route, host).Observe(ended.Duration.Seconds())
	socketBytes.WithLabelValues(route, host, "in").Add(float64(ended.In))
	socketBytes.WithLabelValues(route, host, "out").Add(float64(ended.Out))
	socketCloses.WithLabelValues(route, host, codeLabel(ended.Code), ended.By).Inc()
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

// Collect implements prometheus.Collector. A route of an owner in service has a series without host and key also while it has no
// socket, so that the sum of a route is always there.
func (openGauge) Collect(metrics chan<- prometheus.Metric) {
	type labels struct{ route, host, key string }
	open := make(map[labels]int)
	for owner := range live.All() {
		for of := range owner.counters {
			if of.route != "" {
				open[labels{route: of.route}] = 0
			}
		}
	}
	for _, series := range registry.OpenByKey() {
		open[labels{series.Route, series.Host, series.Key}] += series.Open
	}
	for of, count := range open {
		metrics <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(count), of.route, of.host, of.key)
	}
}

// Collectors returns the collectors of the socket metrics, for the metrics registry of a configuration.
func Collectors() []prometheus.Collector {
	return []prometheus.Collector{handshakesTotal, socketSeconds, socketBytes, socketCloses, openGauge{}}
}
