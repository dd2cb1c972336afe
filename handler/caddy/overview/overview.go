// Package overview reports the state of usher in this process: sockets, routes, keys, upstreams, and served directories. The
// admin API and the status page read it.
package overview

import (
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/caddy/websockettunnel"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Sockets returns all open sockets of the process, oldest first.
func Sockets() []report.Socket {
	open, upstreams, process := socketlog.Registry().List(), websockettunnel.UpstreamsOfSockets(), processID()
	all := make([]report.Socket, len(open))
	for i := range open {
		all[i] = socket(&open[i])
		all[i].Upstream, all[i].Process = upstreams[open[i].ID], process
	}
	return all
}

func socket(s *sockets.Snapshot) report.Socket {
	reported := report.Socket{
		ID: s.ID, Host: s.Host, Path: s.Path, Route: s.Route, Key: s.Key, User: s.User, Session: s.Session, Origin: s.Origin, Protocol: s.Protocol,
		Opened: s.Started, Active: s.Active, BytesIn: s.In, BytesOut: s.Out,
	}
	if s.Client.IsValid() {
		reported.Client = s.Client.String()
	}
	return reported
}

// CloseSockets closes the sockets that match a query, and returns how many.
func CloseSockets(query report.SocketQuery, code uint16, reason string) report.Closed {
	var closed report.Closed
	for _, s := range Sockets() {
		if query.Matches(&s) && socketlog.Registry().CloseID(s.ID, sockets.Code(code), reason) {
			closed.Closed++
		}
	}
	return closed
}

// Open returns the number of open sockets of the process.
func Open() (open int) {
	for _, route := range socketlog.Registry().OpenByRoute() {
		open += route.Open
	}
	return open
}

// Ready reports whether a configuration runs, the shared storage was reached once, all directories are read, all keys files are
// valid, and an upstream is up. Each of the last four counts only if there is one.
func Ready() report.Readiness {
	return readiness(isRunning(), Shared(), websocketgate.ReportKeys(time.Now()).Files, websockettunnel.ReportUpstreams(), versionedassets.ReportAssets())
}

// Assets returns the served directories. Clients choose the versions that they request, so credentials are redacted there.
func Assets() []report.Assets {
	served := versionedassets.ReportAssets()
	for i := range served {
		for j := range served[i].Stale {
			stale := &served[i].Stale[j]
			for _, text := range []*string{&stale.URL, &stale.Version, &stale.Page} {
				*text = websocketgate.RedactText(*text)
			}
		}
	}
	return served
}

// isRunning reports whether all apps of a configuration have started. The admin endpoint starts before them.
func isRunning() bool { return caddy.ActiveContext().Context != nil }

func readiness(running bool, shared *report.Shared, files []report.KeysFile, upstreams []report.Upstream, served []report.Assets) report.Readiness {
	ready := report.Readiness{Problems: []string{}}
	if !running {
		ready.Problems = append(ready.Problems, "no configuration has started")
	}
	if shared != nil && !shared.Reached {
		ready.Problems = append(ready.Problems, "the shared storage was not reached yet")
	}
	for _, file := range files {
		if !file.Good {
			ready.Problems = append(ready.Problems, fmt.Sprintf("keys file %s of route %s is invalid; its previous keys are in force", file.Path, file.Route))
		}
	}
	inService := func(u report.Upstream) bool { return u.Up && !u.Drained }
	if len(upstreams) > 0 && !slices.ContainsFunc(upstreams, inService) {
		ready.Problems = append(ready.Problems, "no upstream is up and in service")
	}
	for _, a := range served {
		if !a.Ready {
			ready.Problems = append(ready.Problems, fmt.Sprintf("directory %s of %s is not read yet", a.Root, a.Prefix))
		}
	}
	ready.OK = len(ready.Problems) == 0
	return ready
}

// Status returns the whole state but for the list of sockets.
func Status() report.Status {
	keys := websocketgate.ReportKeys(time.Now())
	status := report.Status{
		Shared:  Shared(),
		Sockets: Open(), Routes: websocketgate.ReportRoutes(), Keys: keys.Keys, KeysFiles: keys.Files,
		Upstreams: websockettunnel.ReportUpstreams(), Assets: Assets(),
	}
	status.Ready = readiness(isRunning(), status.Shared, status.KeysFiles, status.Upstreams, status.Assets)
	return status
}
