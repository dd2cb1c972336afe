// Package overview reports the state of usher in this process: sockets, routes, keys, upstreams, and served directories. The
// admin API and the status page read it.
package overview

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/caddy/websockettunnel"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Sockets returns all open sockets of the process, oldest first.
func Sockets() []report.Socket {
	open, upstreams := socketlog.Registry().List(), websockettunnel.UpstreamsOfSockets()
	all := make([]report.Socket, len(open))
	for i := range open {
		all[i] = socket(&open[i])
		all[i].Upstream = upstreams[open[i].ID]
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

// Ready reports whether all directories are read, all keys files are valid, and an upstream is up if there are any.
func Ready() report.Readiness {
	return readiness(websocketgate.ReportKeys(time.Now()).Files, websockettunnel.ReportUpstreams(), versionedassets.ReportAssets())
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

func readiness(files []report.KeysFile, upstreams []report.Upstream, served []report.Assets) report.Readiness {
	ready := report.Readiness{Problems: []string{}}
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
		Sockets: Open(), Routes: websocketgate.ReportRoutes(), Keys: keys.Keys, KeysFiles: keys.Files,
		Upstreams: websockettunnel.ReportUpstreams(), Assets: Assets(),
	}
	status.Ready = readiness(status.KeysFiles, status.Upstreams, status.Assets)
	return status
}

// Question is a request that [Explain] answers.
type Question struct {
	// The URL, absolute. With the scheme ws or wss it is a handshake.
	URL string `json:"url"`
	// The value of the Origin field of the request. Default: none, as from clients other than browsers.
	Origin string `json:"origin,omitempty"`
	// The client's address, for tickets that are bound to it. Default: none.
	Client string `json:"client,omitempty"`
}

// maxURL bounds the URL of a question, in bytes.
const maxURL = 8 << 10

// Request returns the request of the question, as the client would send it.
func (q Question) Request(ctx context.Context) (*http.Request, error) {
	if len(q.URL) > maxURL {
		return nil, fmt.Errorf("url: want at most %d bytes, got %d", maxURL, len(q.URL))
	}
	parsed, err := url.Parse(q.URL)
	if err != nil {
		var detail *url.Error
		if errors.As(err, &detail) {
			err = detail.Err // the URL may hold a key
		}
		return nil, fmt.Errorf("url: %w", err)
	}
	isSocket := parsed.Scheme == "ws" || parsed.Scheme == "wss"
	if parsed.Host == "" || !isSocket && parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, errors.New("url: want an absolute URL such as https://example.com/static/main.js")
	}
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: parsed.Path, RawPath: parsed.RawPath, RawQuery: parsed.RawQuery},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: parsed.Host, Header: make(http.Header), Body: http.NoBody,
		RequestURI: parsed.RequestURI(),
	}
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	if parsed.Scheme == "https" || parsed.Scheme == "wss" {
		r.TLS = new(tls.ConnectionState)
	}
	if isSocket {
		r.Header["Connection"], r.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
		r.Header["Sec-Websocket-Version"], r.Header["Sec-Websocket-Key"] = []string{"13"}, []string{"dGhlIHNhbXBsZSBub25jZQ=="}
	}
	if q.Origin != "" {
		r.Header["Origin"] = []string{q.Origin}
	}
	if q.Client != "" {
		if _, err := netip.ParseAddr(q.Client); err != nil {
			return nil, errors.New("client: want an IP address")
		}
	}
	vars := map[string]any{caddyhttp.ClientIPVarKey: q.Client}
	return r.WithContext(context.WithValue(ctx, caddyhttp.VarsCtxKey, vars)), nil
}

// undecided explains a request that no gate and no served directory decides about.
const undecided = "no gate checks the request, and no served directory has the path: the next handler answers"

// Explain says how a request would be answered. Nothing is changed, and no handler is called. A matcher in front of a directive
// is not considered.
func Explain(r *http.Request) report.Explanation {
	if e, found := websocketgate.Explain(r); found {
		return e
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		if e, found := versionedassets.Explain(r); found {
			e.File, e.Why = websocketgate.RedactText(e.File), websocketgate.RedactText(e.Why)
			return e
		}
	}
	return report.Explanation{By: "none", Why: undecided}
}
