//lint:file-ignore SA1019 Caddy serves HTTP/2 with x/net/http2, and only there can extended CONNECT be switched on

package usher

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"

	"github.com/scan2food/usher/internal/patience"
)

// stream is an extended CONNECT that was answered.
type stream struct {
	status  int
	outcome string // the first word of a refusal's body
	io.ReadWriter
	close func()
}

// opener tries an extended CONNECT with a :protocol.
type opener func(t *testing.T, target, protocol string, header http.Header) *stream

// extendedConnects are the cases that HTTP/2 and HTTP/3 share.
func extendedConnects(t *testing.T, site *testSite, app *application, open opener) {
	t.Helper()
	for _, c := range []struct {
		name, target, protocol string
		status                 int
		outcome, why           string
	}{
		{"A20 no key", "/ws/a/", "websocket", 401, "key_missing", "the same rules as on HTTP/1.1"},
		{"A20 wrong key", "/ws/a/?key=wrong", "websocket", 401, "key_unknown", "the same rules as on HTTP/1.1"},
		{"other route", "/ws/a/?key=" + otherKey, "websocket", 403, "key_other_route", "the same rules as on HTTP/1.1"},
		{"unlisted", "/elsewhere/?key=" + goodKey, "websocket", 403, "unlisted", "the same rules as on HTTP/1.1"},
		{"A22 case", keyed, "WebSocket", 403, "unlisted", "the token has case"},
		{"A22 other", keyed, "connect-udp", 403, "unlisted", "another protocol"},
		{"A22 webtransport", "/", "webtransport", 403, "unlisted", "another protocol, anywhere"},
	} {
		s := open(t, c.target, c.protocol, nil)
		if s.status != c.status || s.outcome != c.outcome {
			t.Errorf("%s: %d %s, want %d %s (%s)", c.name, s.status, s.outcome, c.status, c.outcome, c.why)
		}
		s.close()
		if seen := app.Seen(); len(seen) > 0 {
			t.Errorf("%s: the application saw %s %s", c.name, seen[0].Method, seen[0].URL)
		}
	}
	s := open(t, keyed, "websocket", http.Header{"Daphne-Root-Path": {"/x"}})
	if s.status != http.StatusOK {
		t.Fatalf("a good key: %d, want 200", s.status)
	}
	hello := "\x81\x85\x00\x00\x00\x00hello" // a masked frame with a mask of zeros
	if _, err := io.WriteString(s, hello); err != nil {
		t.Fatal(err)
	}
	echo := make([]byte, len(hello))
	if _, err := io.ReadFull(s, echo); err != nil || string(echo) != hello {
		t.Errorf("the echo is %q, %v", echo, err)
	}
	s.close()
	seen := app.Seen()
	if len(seen) != 1 || seen[0].Header.Get("Daphne-Root-Path") != "" {
		t.Errorf("the application saw %v", seen)
	}
	eventually(t, "the end logged", func() bool { return len(site.Logs.With("WSDISCONNECT")) > 0 })
	if strings.Contains(withoutProxy(site.Logs), goodKey) {
		t.Error("a key stands in the logs")
	}
}

func outcomeIn(body io.Reader) string {
	content, _ := io.ReadAll(io.LimitReader(body, 512))
	outcome, _, _ := strings.Cut(string(content), ":")
	return outcome
}

func TestHTTP3(t *testing.T) {
	t.Parallel()
	site, app := corpusSite(t, "")
	extendedConnects(t, site, app, overHTTP3(t, site))
}

// overHTTP3 serves the site over HTTP/3 too, on one connection.
func overHTTP3(t *testing.T, site *testSite) opener {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http3.Server{Handler: site.Server, TLSConfig: http3.ConfigureTLSConfig(selfSigned(t))}
	go func() { _ = server.Serve(packets) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = packets.Close()
	})
	open, _ := dialHTTP3(t, packets.LocalAddr().String())
	return open
}

// dialHTTP3 opens one connection to a server of localhost.
func dialHTTP3(t *testing.T, addr string) (open opener, leave func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience.Most)
	t.Cleanup(cancel)
	conn, err := quic.DialAddr(ctx, addr,
		&tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{http3.NextProtoH3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := new(http3.Transport).NewClientConn(conn)
	leave = func() { _ = client.CloseWithError(0, "") }
	t.Cleanup(leave)
	open = func(t *testing.T, target, protocol string, header http.Header) *stream {
		t.Helper()
		request, err := http.NewRequestWithContext(ctx, http.MethodConnect, "https://localhost"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Proto = protocol
		request.Header = http.Header{"Sec-Websocket-Version": {"13"}}
		for name, values := range header {
			request.Header[name] = values
		}
		str, err := client.OpenRequestStream(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := str.SendRequestHeader(request); err != nil {
			t.Fatal(err)
		}
		response, err := str.ReadResponse()
		if err != nil {
			t.Fatal(err)
		}
		s := &stream{status: response.StatusCode, ReadWriter: str, close: func() {
			str.CancelRead(0)
			_ = str.Close()
		}}
		if s.status != http.StatusOK {
			s.outcome = outcomeIn(response.Body)
		}
		return s
	}
	return open, leave
}

// On HTTP/2 extended CONNECT is off unless the process starts with a GODEBUG: so one is started.
func TestHTTP2(t *testing.T) {
	withExtendedConnect(t, func() {
		site, app := corpusSite(t, "")
		extendedConnects(t, site, app, overHTTP2(t, site))
	})
}

// withExtendedConnect runs a test in a process in which HTTP/2 has extended CONNECT.
func withExtendedConnect(t *testing.T, test func()) {
	t.Helper()
	if strings.Contains(os.Getenv("GODEBUG"), "http2xconnect=1") {
		test()
		return
	}
	t.Parallel()
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	command.Env = append(os.Environ(), "GODEBUG=http2xconnect=1")
	if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("with http2xconnect=1: %v\n%s", err, out)
	}
}

// overHTTP2 serves the site over HTTP/2 too, on one connection.
func overHTTP2(t *testing.T, site *testSite) opener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go new(http2.Server).ServeConn(conn, &http2.ServeConnOpts{Handler: site.Server})
		}
	}()
	return dialHTTP2(t, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	})
}

// dialHTTP2 opens one connection to a server of localhost.
func dialHTTP2(t *testing.T, dial func(context.Context) (net.Conn, error)) opener {
	t.Helper()
	transport := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, _, _ string, _ *tls.Config) (net.Conn, error) {
			return dial(ctx)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return func(t *testing.T, target, protocol string, header http.Header) *stream {
		t.Helper()
		u, err := url.Parse("http://localhost" + target)
		if err != nil {
			t.Fatal(err)
		}
		body, toServer := io.Pipe()
		request := &http.Request{Method: http.MethodConnect, URL: u, Host: u.Host, Body: body, Header: http.Header{
			":protocol": {protocol}, "Sec-Websocket-Version": {"13"},
		}}
		for name, values := range header {
			request.Header[name] = values
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		s := &stream{status: response.StatusCode, close: func() {
			_ = toServer.Close()
			_ = response.Body.Close()
		}}
		s.ReadWriter = struct {
			io.Reader
			io.Writer
		}{response.Body, toServer}
		if s.status != http.StatusOK {
			s.outcome = outcomeIn(response.Body)
		}
		return s
	}
}

// selfSigned is a certificate for localhost, made for the test.
func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// A refusal within a stream is told by a close code too: 200, the Close frame, the end.
func TestRejectCloseOnStreams(t *testing.T) {
	withExtendedConnect(t, func() {
		app := startApplication(t)
		site := startSite(t, `
			http://localhost
			websocket_gate {
				route a /ws/a/ {
					key `+goodKey+`
				}
				reject close
			}
			reverse_proxy `+app.Addr)
		for name, open := range map[string]opener{"HTTP/2": overHTTP2(t, site), "HTTP/3": overHTTP3(t, site)} {
			refused := open(t, "/ws/a/", "websocket", nil)
			if refused.status != http.StatusOK {
				t.Fatalf("%s: status %d, want 200", name, refused.status)
			}
			head := make([]byte, 4)
			if _, err := io.ReadFull(refused, head); err != nil || head[0] != 0x88 || head[2] != 0x11 || head[3] != 0x31 {
				t.Errorf("%s: read % x, %v, want a Close frame with 4401", name, head, err)
			}
			reason := make([]byte, head[1]-2)
			if _, err := io.ReadFull(refused, reason); err != nil || !strings.HasPrefix(string(reason), "key_missing: ") {
				t.Errorf("%s: the reason is %q, %v", name, reason, err)
			}
			_, _ = refused.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x11, 0x31})
			if rest, err := io.ReadAll(refused); err != nil || len(rest) > 0 {
				t.Errorf("%s: %x, %v, want the end", name, rest, err)
			}
			refused.close()
			if unlisted := open(t, "/elsewhere/", "websocket", nil); unlisted.status != http.StatusForbidden {
				t.Errorf("%s: an unlisted path got %d, want 403", name, unlisted.status)
			}
		}
		if seen := app.Seen(); len(seen) > 0 {
			t.Errorf("the application saw %d refused handshakes", len(seen))
		}
	})
}
