//lint:file-ignore SA1019 Caddy serves HTTP/2 with x/net/http2, and its frames are what is written here

package websocketgate_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// headerBlock sends an HTTP/2 request with these fields in this order. It returns the :status of the response, or "reset" if the
// server resets the stream.
func headerBlock(t *testing.T, server http.Handler, fields ...string) string {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	_ = ours.SetDeadline(time.Now().Add(testwait.Limit))
	go new(http2.Server).ServeConn(theirs, &http2.ServeConnOpts{Handler: server})
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		if err := encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	framer := http2.NewFramer(ours, ours)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	go func() {
		_, _ = io.WriteString(ours, http2.ClientPreface)
		_ = framer.WriteSettings()
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	}()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return "reset"
		}
	}
}

// Header blocks that no HTTP/2 client library can send.
func TestHeaderBlocks(t *testing.T) {
	testsite.WithExtendedConnect(t, func() {
		site, app := testsite.StartGate(t, everywhere)
		connect := []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/ws/a/", ":authority", "localhost",
			"sec-websocket-version", "13"}
		for _, c := range []struct {
			name   string
			fields []string
			status string
			why    string
		}{
			{"Upgrade over HTTP/2", []string{":method", "GET", ":scheme", "http", ":path", testsite.Keyed, ":authority", "localhost",
				"upgrade", "websocket", "connection", "upgrade"}, "400", "HTTP/2 has no Upgrade (RFC 9113, 8.2.2)"},
			{"CONNECT without :protocol", []string{":method", "CONNECT", ":authority", "localhost"}, "405", "a tunnel"},
			{"key in one of two Cookie fields", append(connect, "cookie", "a=b", "cookie", "key="+testsite.GoodKey), "200", "Cookie fields are joined (RFC 9113, 8.2.3)"},
			{"key in two Cookie fields", append(connect, "cookie", "key="+testsite.GoodKey, "cookie", "key="+testsite.GoodKey), "400", "two credentials"},
			{":authority and another Host", append(connect, "x-api-key", testsite.GoodKey, "host", "evil.example"), "reset", "two hosts"},
			{"two Origin fields", append(connect, "x-api-key", testsite.GoodKey, "origin", "http://localhost", "origin", "http://localhost"), "400", "two origins"},
			{"header twice", append(connect, "x-api-key", testsite.GoodKey, "x-api-key", "bad"), "400", "two lines"},
			{"version", append(connect[:len(connect)-1:len(connect)-1], "12", "x-api-key", testsite.GoodKey), "426", "version 12"},
		} {
			if got := headerBlock(t, site.Server, c.fields...); got != c.status {
				t.Errorf("%s: status %s, want %s (%s)", c.name, got, c.status, c.why)
			}
			for _, seen := range app.Seen() {
				if c.status != "200" || seen.Host != "localhost" {
					t.Errorf("%s: the application saw %s at host %s", c.name, seen.URL, seen.Host)
				}
			}
		}
	})
}
