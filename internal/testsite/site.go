// Package testsite is the test harness: a provisioned Caddy on a free port, Caddy in a process of its own, an application as
// backend, and clients for HTTP/1.1, 2 and 3.
package testsite

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// Site is a provisioned Caddy whose first server listens on a free loopback port.
type Site struct {
	URL    string // http://127.0.0.1:port
	Addr   string // 127.0.0.1:port
	Server *caddyhttp.Server
	Others []*caddyhttp.Server // the other servers, without a listener
	Config []byte              // the adapted JSON
	Logs   *Logs

	// Unload unloads the configuration, as a reload does. Without a call, the end of the test unloads it.
	Unload func()

	// Started emits the event that Caddy emits after all apps have started.
	Started func()
}

// Start adapts a Caddyfile, provisions it and serves its first server until the test ends. Logs captures all log lines, down
// to DEBUG. Listeners, TLS and apps other than http are not started.
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

// Provision is Start without a listener, for configurations that must not load. The site of a failed configuration has Logs.
func Provision(t testing.TB, caddyfile string) (*Site, error) {
	t.Helper()
	adapted, err := Adapt(caddyfile)
	if err != nil {
		return nil, err
	}
	site := &Site{Config: adapted, Logs: newLogs(t)}
	app, started, unload, err := ProvisionHTTP(site.Logs.capture(t, adapted))
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

// Adapt returns the JSON of a Caddyfile. It ignores warnings about formatting.
func Adapt(caddyfile string) ([]byte, error) {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").
		Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return adapted, err
}

// provisioning serializes provisioning and cleanup, since Caddy changes global variables then: storage, default logger and
// certificate cache.
var provisioning sync.Mutex

// ProvisionHTTP loads the http app in a child context of the configuration. Its modules can be cleaned up without making the
// configuration the active one of the process.
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

// Logs captures the log lines of a configuration.
type Logs struct {
	name  string
	mutex sync.Mutex
	lines []string
}

// captures maps names in configurations to their Logs.
var captures sync.Map

func newLogs(t testing.TB) *Logs {
	l := &Logs{name: fmt.Sprintf("%s-%p", t.Name(), t)}
	l.name = fmt.Sprintf("%s-%p", l.name, l)
	captures.Store(l.name, l)
	t.Cleanup(func() { captures.Delete(l.name) })
	return l
}

// capture returns the configuration with all logs written to l. The default log gets level DEBUG. Logs of the configuration
// keep their encoders and filters.
func (l *Logs) capture(t testing.TB, adapted []byte) []byte {
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
	setUniqueListener(t, config)
	addUniqueArchive(config, filepath.Join(caddy.AppDataDir(), "tests", t.Name()))
	logging["logs"] = logs
	config["logging"] = logging
	config["admin"] = map[string]any{"disabled": true, "config": map[string]any{"persist": false}}
	captured, err := json.Marshal(config)
	if err != nil {
		t.Fatalf("encoding the configuration: %v", err)
	}
	return captured
}

// setUniqueListener gives the servers addresses that no other test has, since gates with a common address may be the same gate
// before and after a reload. All configurations of one test have the same addresses.
func setUniqueListener(t testing.TB, config map[string]any) {
	apps, _ := config["apps"].(map[string]any)
	http, _ := apps["http"].(map[string]any)
	servers, _ := http["servers"].(map[string]any)
	for name, server := range servers {
		server := server.(map[string]any)
		server["listen"] = []string{"unix//" + t.Name() + "/" + name}
		if server["automatic_https"] == nil {
			server["automatic_https"] = map[string]any{"disable": true}
		}
	}
}

// addUniqueArchive gives assets handlers an archive that no other test has. Archives are identified by host and prefix.
func addUniqueArchive(config any, directory string) {
	switch config := config.(type) {
	case []any:
		for _, member := range config {
			addUniqueArchive(member, directory)
		}
	case map[string]any:
		if config["handler"] == "versioned_assets" && config["keep_directory"] == nil {
			config["keep_directory"] = directory
		}
		for _, member := range config {
			addUniqueArchive(member, directory)
		}
	}
}

// Write implements io.Writer.
func (l *Logs) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

// String returns all log lines so far.
func (l *Logs) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Join(l.lines, "")
}

// With returns the decoded JSON lines with a message.
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

// Ended returns the WSDISCONNECT lines of the sockets whose WSCONNECT line is in the log. The newest gate of the process logs the
// end of a socket whose own gate is gone, so the log may have such lines of other tests.
func (l *Logs) Ended() []map[string]any {
	opened := make(map[any]bool)
	for _, line := range l.With("WSCONNECT") {
		opened[line["id"]] = true
	}
	return slices.DeleteFunc(l.With("WSDISCONNECT"), func(line map[string]any) bool { return !opened[line["id"]] })
}

func init() {
	caddy.RegisterModule(new(testLogWriter))
}

// testLogWriter is a Caddy module that writes a log to Logs.
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
	lines, found := captures.Load(w.Name)
	if !found {
		return nil, fmt.Errorf("no test captures the log %q", w.Name)
	}
	return openLog{lines.(*Logs)}, nil
}

type openLog struct{ io.Writer }

func (openLog) Close() error { return nil }
