package websocketgate

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// gateState is what is read off when somebody asks, and counted nowhere.
type gauges struct{}

// plainRequests counts the requests that stay HTTP and were checked by a route with plain_http check.
var plainRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "usher_websocket_plain_requests_total", Help: "Checked plain HTTP requests by route and outcome.",
}, []string{"route", "outcome"})

var (
	darkDesc = prometheus.NewDesc("usher_websocket_route_dark",
		"1 while handshakes are refused and none is accepted.", []string{"route"}, nil)
	sinceDesc = prometheus.NewDesc("usher_websocket_seconds_since_accepted",
		"Seconds since the last accepted handshake; absent until there was one.", []string{"route"}, nil)
	keyDesc = prometheus.NewDesc("usher_websocket_key_last_use_timestamp_seconds",
		"When a key was last accepted; absent until it was.", []string{"route", "key"}, nil)
	badFileDesc = prometheus.NewDesc("usher_websocket_keys_file_bad",
		"1 while a file of keys cannot be used, and the last good keys stay in force.", []string{"route"}, nil)
)

// Describe is prometheus.Collector's.
func (gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{darkDesc, sinceDesc, keyDesc, badFileDesc} {
		descs <- desc
	}
}

// Collect is prometheus.Collector's.
func (gauges) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	now := readGauges()
	for route, is := range now.dark {
		gauge(darkDesc, is, route)
	}
	for route, last := range now.accepted {
		gauge(sinceDesc, time.Since(last).Seconds(), route)
	}
	for route, is := range now.badFile {
		gauge(badFileDesc, is, route)
	}
	for key, last := range now.used {
		gauge(keyDesc, float64(last.UnixNano())/1e9, key.route, key.label)
	}
}

// gateGauges is the state of all gates in force, by route. Routes of one name in several sites are one.
type gaugeValues struct {
	dark, badFile map[string]float64
	accepted      map[string]time.Time // the last handshake
	used          map[labelledKey]time.Time
}

type labelledKey struct{ route, label string }

func readGauges() gaugeValues {
	gauges := gaugeValues{
		make(map[string]float64), make(map[string]float64),
		make(map[string]time.Time), make(map[labelledKey]time.Time),
	}
	for g := range liveGates.All() {
		gauges.add(g)
	}
	return gauges
}

func (s gaugeValues) add(g *Handler) {
	for route, darkness := range g.watch.routes {
		s.dark[route] = max(s.dark[route], asFloat(darkness.Active()))
		if last := darkness.LastAccepted(); last.After(s.accepted[route]) {
			s.accepted[route] = last
		}
	}
	for _, file := range g.keys.files {
		s.badFile[file.route] = max(s.badFile[file.route], asFloat(file.bad.Load()))
	}
	g.gate.Ring().Keys(func(route string, key keys.Key) {
		labelled := labelledKey{route, key.Label}
		if last, ever := keys.Accepted.Last(key.ID()); ever && last.After(s.used[labelled]) {
			s.used[labelled] = last
		}
	})
}

func asFloat(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
