//go:build unix

package testsite

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

// StartSecureProcess starts a process for https://localhost with HTTP/2, HTTP/3 and extended CONNECT. It replaces PORT, ADMIN
// and WORDS in the Caddyfile. Reloads change WORDS.
func StartSecureProcess(t *testing.T, caddyfile string, env ...string) *Process {
	t.Helper()
	p := &Process{Addr: FreeAddress(t), Admin: FreeAddress(t), Stopped: make(chan error, 1)}
	_, port, _ := net.SplitHostPort(p.Addr)
	p.Config = func(words string) string {
		return strings.NewReplacer("PORT", port, "ADMIN", p.Admin, "WORDS", words).Replace(caddyfile)
	}
	p.Run(t, p.Adapted(t, "first"), append(env, "GODEBUG=http2xconnect=1")...)
	Eventually(t, "the server has a certificate", func() bool {
		conn, err := p.dialTLS(t.Context(), "http/1.1")
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

func (p *Process) dialTLS(ctx context.Context, protocol string) (net.Conn, error) {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{protocol}}}
	return dialer.DialContext(ctx, "tcp", p.Addr)
}

// OverHTTP2 opens one HTTP/2 connection to the process.
func (p *Process) OverHTTP2(t *testing.T) Opener {
	return dialHTTP2(t, func(ctx context.Context) (net.Conn, error) { return p.dialTLS(ctx, "h2") })
}

// Exchange is ExchangeOpen over TLS. It returns nil if the connection ends without a response.
func (p *Process) Exchange(t *testing.T, raw string) (net.Conn, *http.Response) {
	t.Helper()
	conn, err := p.dialTLS(t.Context(), "http/1.1")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		conn.Close()
		return nil, nil // the handler panicked
	}
	return conn, response
}

// SecureGlobal holds the global options of a secure process.
const SecureGlobal = `{
	admin ADMIN
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	debug
	servers {
		trace
		timeouts {
			read_body_idle 1s
			write_idle 1s
		}
	}
}
`
