package websocketgate

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// gauges reads the state of the gates when the metrics are collected.
type gauges struct{}

// plainRequests counts the requests that stay HTTP and were checked by a route with plain_http check.
var plainRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_websocket_plain_requests_total", Help: "Checked plain HTTP requests by route and outcome.",
}, []string{"route", "host", "outcome"})

var (
	darkDesc = prometheus.NewDesc("usher_websocket_route_dark",
		"1 during an outage: handshakes are rejected and none is accepted.", []string{"route"}, nil)
	sinceDesc = prometheus.NewDesc("usher_websocket_seconds_since_accepted",
		"Seconds since the last accepted handshake. Absent before the first.", []string{"route"}, nil)
	keyDesc = prometheus.NewDesc("usher_websocket_key_last_use_timestamp_seconds",
		"Time when a key was last accepted. Absent before the first time.", []string{"route", "key"}, nil)
	maxOpenDesc = prometheus.NewDesc("usher_websocket_max_open",
		"The most open sockets that max_open allows. Absent without a limit.", []string{"route"}, nil)
	elsewhereDesc = prometheus.NewDesc("usher_websocket_open_elsewhere",
		"Open sockets of other machines that count for max_open. Absent without a limit.", []string{"route"}, nil)
	badFileDesc = prometheus.NewDesc("usher_websocket_keys_file_bad",
		"1 while a keys file is invalid and the previous keys stay in force.", []string{"route"}, nil)
)

// Describe implements prometheus.Collector.
func (gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{darkDesc, sinceDesc, keyDesc, maxOpenDesc, elsewhereDesc, badFileDesc} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (gauges) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	values, maxOpen, elsewhere := readGauges(), make(map[string]float64), make(map[string]float64)
	for route, dark := range values.dark {
		gauge(darkDesc, dark, route)
	}
	for route, last := range values.accepted {
		gauge(sinceDesc, time.Since(last).Seconds(), route)
	}
	for _, g := range inForce() {
		for _, route := range g.Routes {
			if route.MaxOpen > 0 {
				maxOpen[route.Name] += float64(route.MaxOpen)
				elsewhere[route.Name] += float64(g.openElsewhere(route))
			}
		}
	}
	for route, most := range maxOpen {
		gauge(maxOpenDesc, most, route)
		gauge(elsewhereDesc, elsewhere[route], route)
	}
	for route, bad := range values.badFile {
		gauge(badFileDesc, bad, route)
	}
	for key, last := range values.used {
		gauge(keyDesc, float64(last.UnixNano())/1e9, key.route, key.label)
	}
}

// gaugeValues holds the state of all gates in force, by route. Routes of the same name on several sites are merged.
type gaugeValues struct {
	dark, badFile map[string]float64
	accepted      map[string]time.Time      // when a handshake was last accepted
	used          map[labelledKey]time.Time // when a key was last accepted
}

type labelledKey struct{ route, label string }

func readGauges() gaugeValues {
	values := gaugeValues{
		make(map[string]float64), make(map[string]float64),
		make(map[string]time.Time), make(map[labelledKey]time.Time),
	}
	for g := range liveGates.All() {
		values.add(g)
	}
	return values
}

func (v gaugeValues) add(g *Handler) {
	for route, outage := range g.watch.outages {
		v.dark[route] = max(v.dark[route], asFloat(outage.Active()))
		if last := outage.LastAccepted(); last.After(v.accepted[route]) {
			v.accepted[route] = last
		}
	}
	for _, file := range g.keys.files {
		v.badFile[file.route] = max(v.badFile[file.route], asFloat(file.bad.Load()))
	}
	g.gate.Ring().Keys(func(route string, key keys.Key) {
		labelled := labelledKey{route, key.Label}
		if last, found := lastUse.Last(key.ID()); found && last.After(v.used[labelled]) {
			v.used[labelled] = last
		}
	})
}

func asFloat(value bool) float64 {
	if value {
		return 1
	}
	return 0
}
