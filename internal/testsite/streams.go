//lint:file-ignore SA1019 Caddy serves HTTP/2 with x/net/http2, and only there can extended CONNECT be switched on

package testsite

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

	"github.com/scan2food/usher/internal/testwait"
)

// Stream is an extended CONNECT with its response.
type Stream struct {
	Status  int
	Outcome string // first word in the body of a rejection
	io.ReadWriter
	Close func()
}

// Opener sends an extended CONNECT with a :protocol.
type Opener func(t *testing.T, target, protocol string, header http.Header) *Stream

func outcomeIn(body io.Reader) string {
	content, _ := io.ReadAll(io.LimitReader(body, 512))
	outcome, _, _ := strings.Cut(string(content), ":")
	return outcome
}

// OverHTTP3 serves the site over HTTP/3 too and opens one connection.
func OverHTTP3(t *testing.T, site *Site) Opener {
	t.Helper()
	open, _ := DialHTTP3(t, serveHTTP3(t, site))
	return open
}

// ClientOverHTTP3 serves the site over HTTP/3 too. It returns a client, and the URL of the site there.
func ClientOverHTTP3(t *testing.T, site *Site) (client *http.Client, url string) {
	t.Helper()
	transport := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}}
	t.Cleanup(func() { _ = transport.Close() })
	return &http.Client{Transport: transport}, "https://" + serveHTTP3(t, site)
}

// serveHTTP3 serves the site over HTTP/3 until the test ends.
func serveHTTP3(t *testing.T, site *Site) (addr string) {
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
	return packets.LocalAddr().String()
}

// DialHTTP3 opens one connection to a server of localhost.
func DialHTTP3(t *testing.T, addr string) (open Opener, leave func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	t.Cleanup(cancel)
	conn, err := quic.DialAddr(ctx, addr,
		&tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{http3.NextProtoH3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := new(http3.Transport).NewClientConn(conn)
	leave = func() { _ = client.CloseWithError(0, "") }
	t.Cleanup(leave)
	open = func(t *testing.T, target, protocol string, header http.Header) *Stream {
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
		s := &Stream{Status: response.StatusCode, ReadWriter: str, Close: func() {
			str.CancelRead(0)
			_ = str.Close()
		}}
		if s.Status != http.StatusOK {
			s.Outcome = outcomeIn(response.Body)
		}
		return s
	}
	return open, leave
}

// WithExtendedConnect runs a test in a process with extended CONNECT for HTTP/2.
func WithExtendedConnect(t *testing.T, test func()) {
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

// OverHTTP2 serves the site over HTTP/2 too and opens one connection.
func OverHTTP2(t *testing.T, site *Site) Opener {
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
func dialHTTP2(t *testing.T, dial func(context.Context) (net.Conn, error)) Opener {
	t.Helper()
	transport := &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, _, _ string, _ *tls.Config) (net.Conn, error) {
			return dial(ctx)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return func(t *testing.T, target, protocol string, header http.Header) *Stream {
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
		s := &Stream{Status: response.StatusCode, Close: func() {
			_ = toServer.Close()
			_ = response.Body.Close()
		}}
		s.ReadWriter = struct {
			io.Reader
			io.Writer
		}{response.Body, toServer}
		if s.Status != http.StatusOK {
			s.Outcome = outcomeIn(response.Body)
		}
		return s
	}
}

// selfSigned returns a certificate for localhost.
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
