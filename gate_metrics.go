package usher

import (
	"errors"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// The metrics are the process's: each configuration has a registry of its own, and they go on counting in all of them.
// The values of labels come from the configuration, or from a closed list.
var (
	handshakesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_handshakes_total", Help: "Handshakes by what became of them at the gate.",
	}, []string{"route", "outcome"})
	socketSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "usher_websocket_duration_seconds", Help: "How long sockets were open.",
		Buckets: []float64{1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600},
	}, []string{"route"})
	socketBytes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_bytes_total", Help: "Bytes of sockets that have ended, in from clients and out to them.",
	}, []string{"route", "direction"})
	socketCloses = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_websocket_closes_total", Help: "Ends of sockets by close code and by who ended them.",
	}, []string{"route", "code", "by"})
)

// gateCounters are the counters of a gate's handshakes, found once: by route, "" where a request asked for none.
type gateCounters map[string]map[gate.Outcome]prometheus.Counter

func countersOf(routes []*GateRoute) gateCounters {
	counters := gateCounters{}
	names := []string{""}
	for _, route := range routes {
		names = append(names, route.Name)
	}
	for _, name := range names {
		counters[name] = make(map[gate.Outcome]prometheus.Counter)
		for _, outcome := range gate.Outcomes {
			counters[name][outcome] = handshakesTotal.WithLabelValues(name, string(outcome))
		}
	}
	return counters
}

func (c gateCounters) count(route string, outcome gate.Outcome) {
	if counter := c[route][outcome]; counter != nil {
		counter.Inc()
	}
}

// countEnded counts a socket that is over.
func countEnded(ended sockets.Ended) {
	socketSeconds.WithLabelValues(ended.Route).Observe(ended.Duration.Seconds())
	socketBytes.WithLabelValues(ended.Route, "in").Add(float64(ended.In))
	socketBytes.WithLabelValues(ended.Route, "out").Add(float64(ended.Out))
	socketCloses.WithLabelValues(ended.Route, codeLabel(ended.Code), ended.By).Inc()
}

// codeLabel keeps the list of codes closed: peers may send any.
func codeLabel(code sockets.Code) string {
	switch {
	case 1000 <= code && code <= 1015, code == 4400, code == 4401, code == 4403, code == 4408, code == 4429:
		return strconv.Itoa(int(code))
	case 4000 <= code && code <= 4999:
		return "4xxx"
	case 3000 <= code && code <= 3999:
		return "3xxx"
	default:
		return "other"
	}
}

// gateState is what is read off when somebody asks, and counted nowhere.
type gateState struct{}

var (
	openDesc = prometheus.NewDesc("usher_websocket_open", "Open sockets.", []string{"route"}, nil)
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
func (gateState) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{openDesc, darkDesc, sinceDesc, keyDesc, badFileDesc} {
		descs <- desc
	}
}

// Collect is prometheus.Collector's.
func (gateState) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	now := readGauges()
	for route, count := range now.open {
		gauge(openDesc, count, route)
	}
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
type gateGauges struct {
	open, dark, badFile map[string]float64
	accepted            map[string]time.Time // the last handshake
	used                map[labelledKey]time.Time
}

type labelledKey struct{ route, label string }

func readGauges() gateGauges {
	gauges := gateGauges{
		make(map[string]float64), make(map[string]float64), make(map[string]float64),
		make(map[string]time.Time), make(map[labelledKey]time.Time),
	}
	for _, g := range liveGates.all() {
		if g.live.Load() {
			gauges.add(g)
		}
	}
	for _, route := range openSockets.Routes() {
		gauges.open[route.Route] += float64(route.Open)
	}
	return gauges
}

func (s gateGauges) add(g *WebSocketGate) {
	for route, darkness := range g.watch.routes {
		s.open[route] += 0 // it is there, also where nothing is open
		s.dark[route] = max(s.dark[route], asFloat(darkness.Dark()))
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

// registerMetrics has the registry of a configuration show the metrics. Another gate of it may have done so.
func registerMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	for _, collector := range []prometheus.Collector{handshakesTotal, socketSeconds, socketBytes, socketCloses, gateState{}} {
		var already prometheus.AlreadyRegisteredError
		if err := registry.Register(collector); err != nil && !errors.As(err, &already) {
			return err
		}
	}
	return nil
}
