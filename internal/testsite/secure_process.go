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

// startSecureCaddy runs a site of https://localhost, with HTTP/2 and 3, and extended CONNECT on both. PORT, ADMIN and, by
// reloads, WORDS in the configuration are replaced.
func StartSecureProcess(t *testing.T, caddyfile string, env ...string) *Process {
	t.Helper()
	p := &Process{Addr: FreeAddress(t), Admin: FreeAddress(t), Stopped: make(chan error, 1)}
	_, port, _ := net.SplitHostPort(p.Addr)
	p.Config = func(words string) string {
		return strings.NewReplacer("PORT", port, "ADMIN", p.Admin, "WORDS", words).Replace(caddyfile)
	}
	p.Run(t, p.Adapted(t, "first"), append(env, "GODEBUG=http2xconnect=1")...)
	Eventually(t, "the certificate", func() bool {
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

func (p *Process) OverHTTP2(t *testing.T) Opener {
	return dialHTTP2(t, func(ctx context.Context) (net.Conn, error) { return p.dialTLS(ctx, "h2") })
}

// exchange is the exchange of tests, over TLS.
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
		return nil, nil // a panic
	}
	return conn, response
}

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
