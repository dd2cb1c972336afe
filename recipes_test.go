package usher

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/scan2food/usher/internal/testsite"
)

// trial is a Caddyfile of the manual, and the requests that show that the Caddyfile works.
type trial struct {
	page  string   // of the manual
	block int      // the number of its Caddyfile
	files []string // below /srv/app
	file  string   // the URL of a file
	cache string   // its Cache-Control
	site  string   // the URL of a page of the application
	says  string   // what the page contains, by default what writePage writes

	socket  string // the URL of a socket; TICKET is a ticket that the application signs
	with    string // header lines with a credential, or "" for the cookies of site and the query
	without int    // the status without the credential

	others map[string]string // other URLs, and the files that they serve
}

const (
	immutable = "public, max-age=31536000, immutable"
	session   = "s%3Aq7Lm2Xc9Vb4Nk1Zp8Rt6Wy3"
)

var trials = []trial{
	{page: "docs/recipes/django.md", files: []string{"collected/app.js", "media/cat.jpg"}, file: "/static/app.js?v=VERSION", cache: immutable,
		site: "/", socket: "/ws/chat/lobby/", with: "Cookie: sessionid=" + session + "\r\n", without: 401},
	{page: "docs/recipes/rails.md", files: []string{"public/assets/app.js"}, file: "/assets/app.js?v=VERSION", cache: immutable,
		site: "/", socket: "/cable", with: "Cookie: _app_session=" + session + "\r\n", without: 401},
	{page: "docs/recipes/laravel.md", files: []string{"public/build/app.js", "public/build/manifest.json", "public/index.php"}, file: "/build/app.js?v=VERSION", cache: immutable,
		site: "/dashboard", socket: "/app/reverb-key", without: 401},
	{page: "docs/recipes/phoenix.md", files: []string{"priv/static/assets/app.js"}, file: "/assets/app.js?v=VERSION", cache: immutable,
		site: "/", socket: "/live/websocket", with: "Cookie: _app_key=" + session + "\r\n", without: 401},
	{page: "docs/recipes/vite.md", files: []string{"dist/assets/app.js"}, file: "/assets/app.js?v=VERSION", cache: immutable,
		site: "/", socket: "/live", with: "Cookie: connect.sid=" + session + "\r\n", without: 401},
	{page: "docs/recipes/angular.md", files: []string{"dist/browser/index.html", "dist/browser/app.js", "dist/stats.json"}, file: "/app.js", cache: "no-cache",
		site: "/api/orders", socket: "/ws/updates", with: "Cookie: JSESSIONID=" + session + "\r\n", without: 401},
	{page: "docs/recipes/spa.md", files: []string{"dist/index.html", "dist/app.js"}, file: "/app.js", cache: "no-cache",
		site: "/api/orders", socket: "/ws/updates?key=TICKET", without: 401},
	{page: "docs/recipes/socketio.md",
		site: "/", socket: "/socket.io/?EIO=4&transport=websocket", with: "Cookie: connect.sid=" + session + "\r\n", without: 401},
	{page: "docs/recipes/graphql.md",
		site: "/app/", socket: "/graphql", without: 401},
	{page: "docs/recipes/sockjs.md",
		site: "/", socket: "/sockjs/000/abcdefgh/websocket?key=" + secretOf("SOCKJS_KEY"), without: 401},
	{page: "docs/recipes/mqtt.md",
		site: "/", socket: "/mqtt?key=" + secretOf("MQTT_KEY"), without: 401},
	{page: "docs/from_nginx/django.md", files: []string{"collected/app.js", "media/cat.jpg"}, file: "/static/app.js?v=VERSION", cache: immutable,
		site: "/", socket: "/ws/all-seat-datasocket/?key=" + secretOf("LIVE_ORDERS_WS_KEY"), without: 401,
		others: map[string]string{"/media/cat.jpg": "media/cat.jpg"}},
	{page: "docs/from_nginx/spa.md", files: []string{"dist/app.js", "dist/index.html", "uploads/cat.jpg", "protected/report.pdf"}, file: "/app.js",
		cache: "no-cache", site: "/api/orders", socket: "/live", with: "Cookie: connect.sid=" + session + "\r\n", without: 401,
		others: map[string]string{"/uploads/cat.jpg": "uploads/cat.jpg", "/api/report": "protected/report.pdf"}},
	{page: "docs/from_nginx/rails.md", files: []string{"public/assets/app.js", "public/robots.txt"}, file: "/assets/app.js?v=VERSION",
		cache: immutable, site: "/", socket: "/cable", with: "Cookie: _app_session=" + session + "\r\n", without: 401,
		others: map[string]string{"/robots.txt": "public/robots.txt"}},
	{page: "README.md", block: 2, files: []string{"static/app.js"}, file: "/static/app.js?v=VERSION", cache: immutable,
		site: "/", socket: "/ws/chat/", with: "Cookie: sessionid=" + session + "\r\n", without: 401},
	{page: "docs/start.md", files: []string{"static/app.js"}, file: "/static/app.js?v=VERSION", cache: immutable,
		site: "/", says: `<script src="/static/app.js?v=`, socket: "/ws/chat/?key=" + secretOf("CHAT_WS_KEY"), without: 401},
	{page: "docs/keys_tickets_sessions.md", block: 1,
		site: "/staff/", socket: "/ws/chat/", without: 401},
	{page: "docs/close_sockets.md",
		site: "/rooms/", socket: "/ws/chat/", without: 401},
}

var (
	upstreamAddress = regexp.MustCompile(`127\.0\.0\.1:\d+|unix//run/\S+`)
	environment     = regexp.MustCompile(`\{env\.([A-Z_]+)\}`)
	siteAddress     = regexp.MustCompile(`(?m)^(?:[a-z.]*example\.com|http://localhost:8080) \{$`)
)

// secretOf is the value of an environment variable in the trials.
func secretOf(variable string) string {
	return "secret-of-" + strings.ToLower(variable) + "-0123456789abcdef"
}

// The Caddyfiles of the manual that stand for whole sites work: a file, a page, and a socket with and without its credential.
func TestRecipes(t *testing.T) {
	pages := manual(t)
	for _, c := range trials {
		t.Run(strings.TrimSuffix(c.page, ".md"), func(t *testing.T) {
			blocks := codeBlock.FindAllStringSubmatch(pages[c.page], -1)
			if len(blocks) <= c.block {
				t.Fatalf("%s has %d Caddyfiles", c.page, len(blocks))
			}
			site := startRecipe(t, blocks[c.block][1], c.files)
			for line := range strings.SplitSeq(site.Logs.String(), "\n") {
				// The harness logs at level DEBUG.
				if strings.Contains(line, `"level":"warn"`) && !strings.Contains(line, "level DEBUG") {
					t.Errorf("the start warns: %s", line)
				}
			}
			c.run(t, site)
			for line := range strings.SplitSeq(site.Logs.String(), "\n") {
				if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, `"logger":"http.handlers.versioned_assets"`) {
					t.Errorf("the first reading warns: %s", line)
				}
			}
		})
	}
	for name := range pages {
		if (strings.HasPrefix(name, "docs/recipes/") || strings.HasPrefix(name, "docs/from_nginx/")) && !strings.HasSuffix(name, "/README.md") &&
			!slices.ContainsFunc(trials, func(c trial) bool { return c.page == name }) {
			t.Errorf("%s has no trial", name)
		}
	}
}

// startRecipe starts a Caddyfile in front of an application that answers each request. Each file holds its own name.
func startRecipe(t *testing.T, caddyfile string, files []string) *testsite.Site {
	t.Helper()
	app := testsite.StartApplication(t)
	app.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Upgrade") != "" {
			return false
		}
		if r.URL.Path == "/api/report" {
			w.Header().Set("X-Accel-Redirect", "/protected/report.pdf")
		}
		writePage(w, r)
		return true
	})
	tree := map[string]string{"empty/file": ""}
	for _, name := range files {
		tree[name] = name
		if strings.HasSuffix(name, ".json") {
			tree[name] = `{"inputs":{},"outputs":{}}`
		}
	}
	root := testsite.WriteTree(t, tree)
	caddyfile = strings.ReplaceAll(localize(t, caddyfile, app.Addr), "/srv/app", root)
	if php := "php_fastcgi "; strings.Contains(caddyfile, php) {
		caddyfile = strings.Replace(caddyfile, php+app.Addr, php+startFastCGI(t), 1)
	}
	return testsite.Start(t, caddyfile)
}

// localize makes a Caddyfile of the manual load on this machine: it sets the secrets, and replaces host names, certificates and
// applications. The key files of /etc/caddy become files of the test.
func localize(t *testing.T, caddyfile, app string) string {
	t.Helper()
	// docs/start.md uses files of its own, so that its reader needs no environment and no rights.
	caddyfile = strings.NewReplacer("{file.try/chat.key}", "{env.CHAT_WS_KEY}", " try/", " /srv/app/").Replace(caddyfile)
	for _, variable := range environment.FindAllStringSubmatch(caddyfile, -1) {
		t.Setenv(variable[1], secretOf(variable[1]))
	}
	addresses := []string{"http://localhost, http://127.0.0.1 {", "http://www.localhost {"}
	caddyfile = siteAddress.ReplaceAllStringFunc(caddyfile, func(string) string {
		defer func() { addresses = addresses[1:] }()
		return addresses[0]
	})
	caddyfile = regexp.MustCompile(`(?m)^\ttls .*$`).ReplaceAllString(caddyfile, "")
	return upstreamAddress.ReplaceAllString(caddyfile, app)
}

// The other Caddyfiles of the manual load: what adapts may still be rejected.
func TestCaddyfilesOfTheManualLoad(t *testing.T) {
	root := testsite.WriteTree(t, map[string]string{
		"chat.keys":    "first the-first-key-0123456789\n",
		"devices.keys": "first the-device-key-0123456789\n",
		"partners.pem": publicKey(t),
	})
	loaded := 0
	for name, content := range manual(t) {
		for i, block := range codeBlock.FindAllStringSubmatch(content, -1) {
			if !siteAddress.MatchString(block[1]) || slices.ContainsFunc(trials, func(c trial) bool { return c.page == name && c.block == i }) {
				continue
			}
			loaded++
			caddyfile := strings.ReplaceAll(localize(t, block[1], "127.0.0.1:8000"), "/etc/caddy", root)
			site, err := testsite.Provision(t, caddyfile)
			if err != nil {
				t.Errorf("%s, block %d: %v", name, i+1, err)
				continue
			}
			site.Unload()
		}
	}
	if loaded < 10 {
		t.Errorf("loaded %d Caddyfiles", loaded)
	}
}

// publicKey returns a new public key as PEM.
func publicKey(t *testing.T) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded}))
}

const thePage = "a page of the application"

func writePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<p>"+thePage)
}

// startFastCGI starts an application in place of PHP-FPM and returns its address.
func startFastCGI(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { _ = fcgi.Serve(listener, http.HandlerFunc(writePage)) }()
	return listener.Addr().String()
}

func (c trial) run(t *testing.T, site *testsite.Site) {
	t.Helper()
	if c.file != "" {
		target := strings.Replace(c.file, "VERSION", testsite.Version(c.files[0]), 1)
		testsite.Eventually(t, "the files served", func() bool {
			response, _ := testsite.Fetch(t, site, http.MethodGet, target)
			return response.StatusCode == http.StatusOK && response.Header.Get("Cache-Control") == c.cache
		})
	}
	response, body := testsite.Fetch(t, site, http.MethodGet, c.site, "Accept", "text/html")
	if response.StatusCode != http.StatusOK || !strings.Contains(body, cmp.Or(c.says, thePage)) {
		t.Errorf("%s: %d %q, want the application's page", c.site, response.StatusCode, body)
	}
	for target, want := range c.others {
		if response, body := testsite.Fetch(t, site, http.MethodGet, target); response.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want the file %s", target, response.StatusCode, body, want)
		}
	}
	with := c.with
	for _, cookie := range response.Cookies() {
		with += "Cookie: " + cookie.Name + "=" + cookie.Value + "\r\n"
	}
	target := strings.Replace(c.socket, "TICKET", ticketFor(t, site), 1)
	if got := c.open(t, site, target, with); got != http.StatusSwitchingProtocols {
		t.Errorf("%s with its credential: %d, want 101", c.socket, got)
	}
	bare, _, _ := strings.Cut(target, "?key=")
	if got := c.open(t, site, bare, ""); got != c.without {
		t.Errorf("%s without a credential: %d, want %d", bare, got, c.without)
	}
}

// ticketFor signs a ticket for the first route of a site.
func ticketFor(t *testing.T, site *testsite.Site) string {
	t.Helper()
	route := regexp.MustCompile(`"name":"([a-z_]+)"`).FindSubmatch(site.Config)
	if route == nil {
		return ""
	}
	ticket, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"aud": string(route[1]), "exp": time.Now().Add(time.Minute).Unix(),
	}).SignedString([]byte(secretOf("TICKET_SECRET")))
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func (c trial) open(t *testing.T, site *testsite.Site, target, headers string) int {
	t.Helper()
	return testsite.Exchange(t, site.Addr, testsite.Get(target, testsite.Upgrade+headers)).StatusCode
}

// A pattern with a star in front is no inline matcher in a Caddyfile: it adapts as another argument, such as the body of respond.
func TestManualWritesPatternsInNamedMatchers(t *testing.T) {
	t.Parallel()
	directive := regexp.MustCompile("(?m)(?:^\\s*|`)((?:abort|error|file_server|handle|header|log_skip|redir|respond|rewrite|uri) \\*[^\\s`]\\S*)")
	for name, content := range manual(t) {
		for _, match := range directive.FindAllStringSubmatch(content, -1) {
			t.Errorf("%s: %q: write a named matcher", name, match[1])
		}
	}
}

// The cells of docs/replace_nginx.md that are one line of a Caddyfile adapt.
func TestDirectivesThatReplaceNginxAdapt(t *testing.T) {
	t.Parallel()
	const page = "docs/replace_nginx.md"
	adapted := 0
	for _, row := range regexp.MustCompile("(?m)^\\| [^|]* \\| `([^`…|]+)` \\| ([^|]*)\\|$").FindAllStringSubmatch(manual(t)[page], -1) {
		lines := strings.NewReplacer("{ ", "{\n", " }", "\n}").Replace(row[1])
		source := "example.com {\n" + lines + "\n}"
		switch {
		case strings.Contains(row[2], "Global option"):
			source = "{\n" + lines + "\n}\n:80"
		case strings.Contains(row[2], "Inside `reverse_proxy`"):
			source = "example.com {\nreverse_proxy 127.0.0.1:8000 {\n" + lines + "\n}\n}"
		case strings.HasPrefix(lines, ":80"), strings.HasPrefix(lines, "import"), strings.HasSuffix(lines, ".html"):
			continue
		}
		if _, err := testsite.Adapt(source); err != nil {
			t.Errorf("%s, %s: %v", page, row[1], err)
		}
		adapted++
	}
	if adapted < 20 {
		t.Errorf("%d cells of %s are lines of a Caddyfile", adapted, page)
	}
}
