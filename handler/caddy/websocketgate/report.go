package websocketgate

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// inForce returns the gates in force, one of each site. During a reload two configurations are; the newest counts.
func inForce() []*Handler {
	var gates []*Handler
	at := make(map[string]int)
	for g := range liveGates.All() {
		if i, known := at[g.site]; known {
			gates[i] = g
			continue
		}
		at[g.site] = len(gates)
		gates = append(gates, g)
	}
	return gates
}

// hosts returns the hosts of the gate, none for a gate of every host.
func (g *Handler) hosts() []string { return append([]string{}, g.scope.hosts.patterns()...) }

// ReportRoutes returns the routes of all gates in force.
func ReportRoutes() []report.Route {
	routes := []report.Route{}
	counts := socketlog.Counts()
	for _, g := range inForce() {
		for _, route := range g.Routes {
			outage, outcomes := g.watch.outages[route.Name], counts[route.Name]
			if outcomes == nil {
				outcomes = map[string]uint64{}
			}
			routes = append(routes, report.Route{
				Hosts: g.hosts(), Route: route.Name, Paths: route.Paths,
				Open: openOf(g.site, route.Name), MaxOpen: route.MaxOpen, OpenElsewhere: g.openElsewhere(route),
				Outcomes: outcomes, LastAccepted: outage.LastAccepted(), Dark: outage.Active(),
				Tickets: route.Ticket != nil,
			})
		}
	}
	return routes
}

// ReportKeys returns the keys and keys files of all gates in force.
func ReportKeys(now time.Time) report.Keys {
	reported := report.Keys{Keys: []report.Key{}, Files: []report.KeysFile{}}
	open := make(map[keys.ID]map[string]int) // by key and route
	for _, socket := range socketlog.Registry().List() {
		if open[socket.KeyID] == nil {
			open[socket.KeyID] = make(map[string]int)
		}
		open[socket.KeyID][socket.Site+"\n"+socket.Route]++
	}
	for _, g := range inForce() {
		hosts := g.hosts()
		g.gate.Ring().Keys(func(route string, key keys.Key) {
			last, _ := lastUse.Last(key.ID())
			reported.Keys = append(reported.Keys, report.Key{
				Hosts: hosts, Route: route, Key: key.Label, From: key.From, Until: key.Until,
				Valid:   g.gate.Ring().StatusOf(route, key.ID(), now) == keys.Good,
				LastUse: last, Open: open[key.ID()][g.site+"\n"+route],
			})
		})
		reported.Files = append(reported.Files, g.keys.report(hosts)...)
	}
	return reported
}

func (k *keySet) report(hosts []string) []report.KeysFile {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	var files []report.KeysFile
	for _, file := range k.files {
		files = append(files, report.KeysFile{
			Hosts: hosts, Route: file.route, Path: file.file.Path(), Good: !file.bad.Load(), Keys: len(file.keys),
		})
	}
	return files
}

// Servers returns the servers of all gates, in load order. A server may occur twice.
func Servers() (servers []*caddyhttp.Server) {
	for g := range liveGates.All() {
		servers = append(servers, g.server)
	}
	return servers
}

// Explanation says what the gate decides about a request. It returns false if the gate passes the request on without a check.
func (g *Handler) Explanation(r *http.Request) (report.Explanation, bool) {
	d := g.gate.Decide(r)
	if d.Outcome == gate.Passed {
		return report.Explanation{}, false
	}
	why := d.Outcome.Reason()
	if d.Outcome == gate.Accepted {
		why = "the gate accepts the handshake"
	}
	if d.Fault != nil {
		why = d.Fault.Why
	}
	if d.Detail != "" {
		why += ": " + d.Detail
	}
	e := report.Explanation{
		By: "gate", Hosts: g.hosts(), Outcome: string(d.Outcome), Key: d.Key, CloseCode: d.Outcome.CloseCode(), Status: d.Status(),
		Why: g.gate.Redactor(r, d).Text(why),
	}
	if d.Route != nil {
		e.Route = d.Route.Name
	}
	return e, true
}

// RedactText replaces the credentials of all gates in force in a text.
func RedactText(text string) string {
	for _, g := range inForce() {
		text = g.gate.RedactText(text)
	}
	return text
}
