// Package testsite is the test harness: a provisioned Caddy on a free port, Caddy in a process of its own, an application behind
// them, and clients of HTTP/1.1, 2 and 3.
package testsite

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// testSite is a provisioned Caddy whose first server answers on a free port of the loopback interface.
type Site struct {
	URL    string // http://127.0.0.1:port
	Addr   string // 127.0.0.1:port
	Server *caddyhttp.Server
	Others []*caddyhttp.Server // of the configuration, which nobody listens for
	Config []byte              // the adapted JSON
	Logs   *Logs

	// Unload ends what the configuration holds, as a reload does to the old one. The end of the test does it otherwise.
	Unload func()

	// Started tells the configuration that it has started, as Caddy does after all apps have.
	Started func()
}

// startSite adapts a Caddyfile, provisions it and serves its first server until the test ends. Every log line of the
// configuration, down to DEBUG, is caught in Logs. Listeners, TLS and apps other than http are not started.
func Start(t testing.TB, caddyfile string) *Site {
	t.Helper()
	site, err := Provision(t, caddyfile)
	if err != nil {
		t.Fatalf("provisioning: %v", err)
	}
	site.Started()
	listener := httptest.NewServer(site.Server)
	t.Cleanup(listener.Close)
	site.URL = listener.URL
	site.Addr = strings.TrimPrefix(listener.URL, "http://")
	return site
}

// provisionSite is startSite without a listener, for configurations that must not load. The site of a configuration
// that does not load has its Logs.
func Provision(t testing.TB, caddyfile string) (*Site, error) {
	t.Helper()
	adapted, err := Adapt(caddyfile)
	if err != nil {
		return nil, err
	}
	site := &Site{Config: adapted, Logs: newLogLines(t)}
	app, started, unload, err := ProvisionHTTP(site.Logs.catch(t, adapted))
	if err != nil {
		return site, err
	}
	site.Started, site.Unload = started, sync.OnceFunc(unload)
	t.Cleanup(site.Unload)
	site.Server = app.Servers["srv0"]
	for name, server := range app.Servers {
		if name != "srv0" {
			site.Others = append(site.Others, server)
		}
	}
	return site, nil
}

// adaptCaddyfile turns a Caddyfile into JSON. Warnings about its formatting are no matter here.
func Adapt(caddyfile string) ([]byte, error) {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").
		Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return adapted, err
}

// provisioning is held while Caddy provisions and cleans up: it sets globals (its storage, its default logger, the cache
// of certificates, which two may not stop at a time).
var provisioning sync.Mutex

// provisionHTTP loads the http app in a context of its own below that of the configuration: the one way to have its
// modules cleaned up without making the configuration the process's active one.
func ProvisionHTTP(adapted []byte) (app *caddyhttp.App, started, unload func(), err error) {
	provisioning.Lock()
	defer provisioning.Unlock()
	var config caddy.Config
	if err := json.Unmarshal(adapted, &config); err != nil {
		return nil, nil, nil, fmt.Errorf("decoding the adapted configuration: %w", err)
	}
	raw, found := config.AppsRaw["http"]
	if !found {
		return nil, nil, nil, fmt.Errorf("the configuration has no http app")
	}
	delete(config.AppsRaw, "http")
	parent, err := caddy.ProvisionContext(&config)
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := caddy.NewContext(parent)
	loaded, err := ctx.LoadModuleByID("http", raw)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	events, err := ctx.App("events")
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	started = func() { events.(*caddyevents.App).Emit(ctx, "started", nil) }
	unload = func() {
		provisioning.Lock()
		defer provisioning.Unlock()
		cancel()
	}
	return loaded.(*caddyhttp.App), started, unload, nil
}

// logLines catches what a configuration logs.
type Logs struct {
	name  string
	mutex sync.Mutex
	lines []string
}

// catchers maps the name in a configuration to the lines that are caught for it.
var catchers sync.Map

func newLogLines(t testing.TB) *Logs {
	l := &Logs{name: fmt.Sprintf("%s-%p", t.Name(), t)}
	l.name = fmt.Sprintf("%s-%p", l.name, l)
	catchers.Store(l.name, l)
	t.Cleanup(func() { catchers.Delete(l.name) })
	return l
}

// catch has every log of the adapted configuration written to l, beside the default one at DEBUG. Logs that the
// configuration names itself keep their encoders and filters.
func (l *Logs) catch(t testing.TB, adapted []byte) []byte {
	t.Helper()
	var config map[string]any
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatalf("decoding the adapted configuration: %v", err)
	}
	writer := map[string]any{"output": "usher_test", "name": l.name}
	logging, _ := config["logging"].(map[string]any)
	if logging == nil {
		logging = map[string]any{}
	}
	logs, _ := logging["logs"].(map[string]any)
	if logs == nil {
		logs = map[string]any{}
	}
	for _, log := range logs {
		log.(map[string]any)["writer"] = writer
	}
	if logs["default"] == nil {
		logs["default"] = map[string]any{
			"writer": writer, "level": "DEBUG", "encoder": map[string]any{"format": "json"},
		}
	}
	listenAlone(t, config)
	logging["logs"] = logs
	config["logging"] = logging
	config["admin"] = map[string]any{"disabled": true, "config": map[string]any{"persist": false}}
	caught, err := json.Marshal(config)
	if err != nil {
		t.Fatalf("encoding the configuration: %v", err)
	}
	return caught
}

// listenAlone gives the servers of a test an address that those of other tests do not have, as two servers of one process
// never have one: gates are told apart by it. Configurations of one test are each other's reloads.
func listenAlone(t testing.TB, config map[string]any) {
	apps, _ := config["apps"].(map[string]any)
	http, _ := apps["http"].(map[string]any)
	servers, _ := http["servers"].(map[string]any)
	for name, server := range servers {
		server := server.(map[string]any)
		server["listen"] = append(server["listen"].([]any), "unix//"+t.Name()+"/"+name)
		if server["automatic_https"] == nil {
			server["automatic_https"] = map[string]any{"disable": true}
		}
	}
}

func (l *Logs) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

// String is everything logged so far, as it was written.
func (l *Logs) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Join(l.lines, "")
}

// With returns the JSON lines with this message, decoded.
func (l *Logs) With(message string) []map[string]any {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var found []map[string]any
	for _, line := range l.lines {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

func init() {
	caddy.RegisterModule(new(testLogWriter))
}

// testLogWriter is the Caddy module through which a configuration writes to a logLines.
type testLogWriter struct {
	Name string `json:"name"`
}

func (*testLogWriter) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.writers.usher_test",
		New: func() caddy.Module { return new(testLogWriter) },
	}
}

func (w *testLogWriter) String() string    { return w.Name }
func (w *testLogWriter) WriterKey() string { return "usher_test:" + w.Name }

func (w *testLogWriter) OpenWriter() (io.WriteCloser, error) {
	lines, found := catchers.Load(w.Name)
	if !found {
		return nil, fmt.Errorf("no test catches the log %q", w.Name)
	}
	return openLog{lines.(*Logs)}, nil
}

type openLog struct{ io.Writer }

func (openLog) Close() error { return nil }
