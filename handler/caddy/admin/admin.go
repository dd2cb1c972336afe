// Package admin is the Caddy module admin.api.usher: it shows the state of usher below /usher/ of Caddy's admin API, closes
// sockets, drains upstreams, and purges files. Caddy's admin API decides who may call it. No response holds a key, a ticket, a
// cookie or the value of a session.
package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/handler/caddy/overview"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/caddy/websockettunnel"
	"github.com/scan2food/usher/handler/operate/report"
)

// API serves the endpoints below /usher/.
type API struct{}

// CaddyModule implements caddy.Module.
func (API) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.usher", New: func() caddy.Module { return new(API) }}
}

// prefix begins the path of each endpoint.
const prefix = "/usher/"

// Routes implements caddy.AdminRouter.
func (API) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: prefix, Handler: caddy.AdminHandlerFunc(serve)}}
}

// endpoint returns the JSON value and the status of a response.
type endpoint func(r *http.Request, query url.Values) (answer any, status int, err error)

// endpoints are the endpoints by path below the prefix, then by method.
var endpoints = map[string]map[string]endpoint{
	"status":            {http.MethodGet: get(func() any { return overview.Status() })},
	"sockets":           {http.MethodGet: listSockets, http.MethodDelete: closeSockets},
	"routes":            {http.MethodGet: get(func() any { return websocketgate.ReportRoutes() })},
	"keys":              {http.MethodGet: get(func() any { return websocketgate.ReportKeys(time.Now()) })},
	"upstreams":         {http.MethodGet: get(func() any { return websockettunnel.ReportUpstreams() })},
	"upstreams/drain":   {http.MethodPost: drain},
	"upstreams/undrain": {http.MethodPost: undrain},
	"assets":            {http.MethodGet: get(func() any { return overview.Assets() })},
	"explain":           {http.MethodGet: explainURL, http.MethodPost: explainQuestion},
	"rescan":            {http.MethodPost: rescan},
	"kept":              {http.MethodDelete: purge},
	"ready":             {http.MethodGet: ready},
	"live":              {http.MethodGet: live},
}

// answerTimeout bounds the endpoints that wait for a directory.
const answerTimeout = 30 * time.Second

func serve(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(r.URL.Path, prefix)
	methods := endpoints[name]
	if methods == nil {
		return failure(http.StatusNotFound, errors.New("unknown endpoint: use "+strings.Join(slices.Sorted(maps.Keys(endpoints)), ", ")))
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	call := methods[method]
	if call == nil {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		return failure(http.StatusMethodNotAllowed, fmt.Errorf("method not allowed: use %s", allowed))
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return failure(http.StatusBadRequest, errors.New("invalid query: encode it as in a URL"))
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	answer, status, err := call(r.WithContext(ctx), query)
	if err != nil {
		return failure(status, errors.New(websocketgate.RedactText(err.Error())))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(answer)
}

func failure(status int, err error) error { return caddy.APIError{HTTPStatus: status, Err: err} }

// get is an endpoint without parameters that reads the state.
func get(read func() any) endpoint {
	return func(_ *http.Request, query url.Values) (any, int, error) {
		if err := allowOnly(query); err != nil {
			return nil, http.StatusBadRequest, err
		}
		return read(), http.StatusOK, nil
	}
}

// allowOnly rejects parameters that the endpoint does not have, and parameters that stand twice.
func allowOnly(query url.Values, names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(names, name):
			return errors.New("unknown parameter: use " + cmp.Or(strings.Join(names, ", "), "none")) // its name may be a key
		case len(query[name]) != 1:
			return fmt.Errorf("%s: want one value, got %d", name, len(query[name]))
		}
	}
	return nil
}

func listSockets(r *http.Request, query url.Values) (any, int, error) {
	list, err := overview.ListSockets(r.Context(), query)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	return list, http.StatusOK, nil
}

func closeSockets(_ *http.Request, query url.Values) (any, int, error) {
	selected, err := report.ParseSocketQuery(query, "code", "reason")
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	if query.Has("after") || query.Has("limit") {
		return nil, http.StatusBadRequest, errors.New("after and limit do not select sockets to close: remove them")
	}
	if !selected.Filtered() {
		return nil, http.StatusBadRequest, errors.New("no filter: use at least one of " + strings.Join(report.FilterNames(), ", "))
	}
	code, reason, err := report.ParseClose(query)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	closed := overview.CloseSockets(selected, code, reason)
	query.Del("code")
	query.Del("reason")
	if closed.Nodes, err = overview.CloseElsewhere(query, code, reason); err != nil {
		return nil, http.StatusServiceUnavailable, fmt.Errorf("closed %d sockets here, and none on other machines: %w", closed.Closed, err)
	}
	closed.Alone = overview.IsAlone()
	return closed, http.StatusOK, nil
}

// maxBody bounds the body of a request, in bytes.
const maxBody = 64 << 10

// decode reads the JSON body of a request.
func decode(r *http.Request, into any) (status int, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return http.StatusBadRequest, errors.New("the body cannot be read")
	}
	if len(body) > maxBody {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("body: want at most %d bytes", maxBody)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return http.StatusBadRequest, fmt.Errorf("body: want JSON: %s", describeJSON(err))
	}
	if decoder.More() {
		return http.StatusBadRequest, errors.New("body: want one JSON object")
	}
	return http.StatusOK, nil
}

// describeJSON describes an error without the content of the body, which may hold a key.
func describeJSON(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax error at byte %d", syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return "write an object, got " + kind.Value
	case errors.As(err, &kind):
		return fmt.Sprintf("field %s: want %s", kind.Field, kind.Type)
	case errors.Is(err, io.EOF):
		return "got nothing"
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return "unknown field"
	default:
		return "invalid value"
	}
}

// drainRequest is the body of POST /usher/upstreams/drain and undrain.
type drainRequest struct {
	// The upstream, as in the configuration: host:port, or unix//path.
	Upstream string `json:"upstream"`
	// The time over which the open sockets are closed. Default: 10s. Not for undrain.
	Over caddy.Duration `json:"over,omitempty"`
}

const (
	defaultOver = 10 * time.Second
	maxOver     = 24 * time.Hour
)

func drain(r *http.Request, query url.Values) (any, int, error) {
	request := drainRequest{Over: caddy.Duration(defaultOver)}
	if status, err := decodeDrain(r, query, &request); err != nil {
		return nil, status, err
	}
	over := time.Duration(request.Over)
	if over < 0 || over > maxOver {
		return nil, http.StatusBadRequest, fmt.Errorf("over: want a duration up to %s, got %s", maxOver, over)
	}
	answer, err := websockettunnel.Drain(request.Upstream, over)
	if err == nil {
		err = overview.DrainElsewhere(request.Upstream, over, false)
	}
	return drained(answer, err)
}

func undrain(r *http.Request, query url.Values) (any, int, error) {
	var request drainRequest
	if status, err := decodeDrain(r, query, &request); err != nil {
		return nil, status, err
	}
	if request.Over != 0 {
		return nil, http.StatusBadRequest, errors.New("over: undrain takes effect at once: remove it")
	}
	answer, err := websockettunnel.Undrain(request.Upstream)
	if err == nil {
		err = overview.DrainElsewhere(request.Upstream, 0, true)
	}
	return drained(answer, err)
}

func decodeDrain(r *http.Request, query url.Values, request *drainRequest) (status int, err error) {
	if err := allowOnly(query); err != nil {
		return http.StatusBadRequest, err
	}
	if status, err := decode(r, request); err != nil {
		return status, err
	}
	if request.Upstream == "" {
		return http.StatusBadRequest, errors.New("upstream: want an address such as 127.0.0.1:8001, got nothing")
	}
	return http.StatusOK, nil
}

func drained(answer report.Drain, err error) (any, int, error) {
	switch {
	case errors.Is(err, websockettunnel.ErrUnknownUpstream):
		return nil, http.StatusNotFound, err
	case err != nil:
		return nil, http.StatusServiceUnavailable, fmt.Errorf("changed here, and not on other machines: %w", err)
	}
	return answer, http.StatusOK, nil
}

// explainURL takes the URL from the query. Caddy logs the URI of each request to the admin API, so a URL with a key belongs in the
// body of a POST.
func explainURL(r *http.Request, query url.Values) (any, int, error) {
	if err := allowOnly(query, "url", "origin", "client"); err != nil {
		return nil, http.StatusBadRequest, err
	}
	return explain(r.Context(), overview.Question{URL: query.Get("url"), Origin: query.Get("origin"), Client: query.Get("client")})
}

func explainQuestion(r *http.Request, query url.Values) (any, int, error) {
	if err := allowOnly(query); err != nil {
		return nil, http.StatusBadRequest, err
	}
	var question overview.Question
	if status, err := decode(r, &question); err != nil {
		return nil, status, err
	}
	return explain(r.Context(), question)
}

func explain(ctx context.Context, question overview.Question) (any, int, error) {
	request, err := question.Request(ctx)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	return overview.Explain(request), http.StatusOK, nil
}

func rescan(r *http.Request, query url.Values) (any, int, error) {
	if err := allowOnly(query); err != nil {
		return nil, http.StatusBadRequest, err
	}
	rescans, err := versionedassets.Rescan(r.Context())
	if err != nil {
		return nil, http.StatusGatewayTimeout, errors.New("reading the directories takes long: try again later")
	}
	return rescans, http.StatusOK, nil
}

func purge(r *http.Request, query url.Values) (any, int, error) {
	if err := allowOnly(query, "url"); err != nil {
		return nil, http.StatusBadRequest, err
	}
	request, err := overview.Question{URL: query.Get("url")}.Request(r.Context())
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	purged, err := versionedassets.Purge(request.Host, request.URL.Path)
	if errors.Is(err, versionedassets.ErrNotServed) {
		return nil, http.StatusNotFound, err
	}
	return purged, http.StatusOK, err
}

func ready(_ *http.Request, query url.Values) (any, int, error) {
	if err := allowOnly(query); err != nil {
		return nil, http.StatusBadRequest, err
	}
	readiness := overview.Ready()
	if !readiness.OK {
		return readiness, http.StatusServiceUnavailable, nil
	}
	return readiness, http.StatusOK, nil
}

// live always reports OK: a process that can respond is alive, also while it is not ready.
func live(_ *http.Request, query url.Values) (any, int, error) {
	if err := allowOnly(query); err != nil {
		return nil, http.StatusBadRequest, err
	}
	return report.Readiness{OK: true, Problems: []string{}}, http.StatusOK, nil
}

var _ caddy.AdminRouter = API{}
