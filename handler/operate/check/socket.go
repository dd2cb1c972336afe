package check

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/operate/verdict"
)

// socketURL is a WebSocket that a script opens.
type socketURL struct {
	url       *url.URL // with the scheme http or https
	parameter string   // that carries the key
	from      string
}

// addSocket notes a WebSocket URL of a script. Pieces that the script computes are missing, usually the host.
func (c *checker) addSocket(at *url.URL, text string) {
	scheme := c.page.Scheme
	switch {
	case strings.HasPrefix(text, "wss://"):
		text = strings.TrimPrefix(text, "wss://")
	case strings.HasPrefix(text, "ws://"):
		text = strings.TrimPrefix(text, "ws://")
	default:
		text = strings.TrimPrefix(text, "://")
		text = strings.TrimPrefix(text, "//")
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "wss://"), "ws://") // a second scheme is the other branch of a condition
	if !strings.HasPrefix(text, "/") {
		host, rest, _ := strings.Cut(text, "/")
		if host != c.page.Host {
			return // a host of somebody else, or a computed path
		}
		text = "/" + rest
	}
	target, err := url.Parse(text)
	if err != nil || target.Path == "" || target.Path == "/" && target.RawQuery == "" {
		return
	}
	socket := socketURL{url: &url.URL{Scheme: scheme, Host: c.page.Host, Path: target.Path}, parameter: "key", from: show(at)}
	var kept []string
	for part := range strings.SplitSeq(target.RawQuery, "&") {
		switch name, _, found := strings.Cut(part, "="); {
		case isKeyParameter(name):
			socket.parameter = name
		case found:
			kept = append(kept, part)
		}
	}
	socket.url.RawQuery = strings.Join(kept, "&")
	if c.known[socket.url.String()] || len(c.sockets) == maxSockets {
		return
	}
	c.known[socket.url.String()] = true
	c.sockets = append(c.sockets, socket)
}

func isKeyParameter(name string) bool {
	switch strings.ToLower(name) {
	case "key", "token", "access_token", "auth", "secret", "apikey", "api_key":
		return true
	default:
		return false
	}
}

// wrongKey is a key that no site has.
const wrongKey = "usher-check-is-not-a-key-0000"

// trySockets tries each WebSocket without a key, with a wrong one, and with the right one if it is known.
func (c *checker) trySockets(ctx context.Context) {
	if len(c.sockets) == 0 {
		c.report.Add(verdict.Warn, show(c.page), "no WebSocket URL was found in the scripts", "the scripts may compute it: check the socket with a client")
	}
	for _, socket := range c.sockets {
		subject := show(socket.url)
		for _, try := range []struct{ name, key string }{{"without a key", ""}, {"with a wrong key", wrongKey}} {
			result, err := c.try(ctx, socket, try.key)
			switch {
			case err != nil:
				c.report.Add(verdict.Bad, subject, fmt.Sprintf("the handshake %s fails: %s", try.name, withoutURL(err)), "make the application answer handshakes")
			case result.open:
				c.report.Add(verdict.Bad, subject, "the socket opens "+try.name, "put websocket_gate before the application, with a key, a ticket or a session")
			case result.code == 0:
				c.report.Add(verdict.Warn, subject, fmt.Sprintf("%s: status %d, which scripts cannot read", try.name, result.status), "set `reject auto` in websocket_gate")
			default:
				c.report.Add(verdict.Good, subject, fmt.Sprintf("%s: closed with %d", try.name, result.code), "")
			}
		}
		c.tryRightKey(ctx, socket, subject)
	}
}

func (c *checker) tryRightKey(ctx context.Context, socket socketURL, subject string) {
	key := c.config.Key(socket.url.Path)
	if key == "" {
		c.report.Add(verdict.Warn, subject, "the right key is not known, so that it was not tried", "set the environment variable of the key")
		return
	}
	switch result, err := c.try(ctx, socket, key); {
	case err != nil:
		c.report.Add(verdict.Bad, subject, "the handshake with the right key fails: "+withoutURL(err).Error(), "start the application, or look at its log")
	case !result.open:
		c.report.Add(verdict.Bad, subject, fmt.Sprintf("the right key is rejected with status %d, close code %d", result.status, result.code),
			"compare the key with the route's keys: caddy usher keys list, caddy usher explain")
	default:
		c.report.Add(verdict.Good, subject, "opens with the right key", "")
	}
}

// result is the result of a handshake.
type result struct {
	open   bool
	status int
	code   int // of the Close frame that came at once; 0: none
}

func (c *checker) try(ctx context.Context, socket socketURL, key string) (result, error) {
	c.config.Progress(show(socket.url))
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	target := *socket.url
	if key != "" {
		if target.RawQuery != "" {
			target.RawQuery += "&"
		}
		target.RawQuery += socket.parameter + "=" + url.QueryEscape(key)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return result{}, err
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		"Origin": c.page.Scheme + "://" + c.page.Host, "User-Agent": "Mozilla/5.0 usher-check", "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "websocket",
	} {
		request.Header.Set(name, value)
	}
	client := *c.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return result{status: response.StatusCode}, nil
	}
	code, err := c.readClose(response.Body)
	return result{open: code == 0, status: response.StatusCode, code: code}, err
}

// closeWait is how long a rejecting server may take to send its Close frame.
const closeWait = 2 * time.Second

// readClose returns the code of a Close frame that comes at once, or 0 for a socket that stays open.
func (c *checker) readClose(body io.ReadCloser) (code int, err error) {
	timer := time.AfterFunc(min(closeWait, c.config.Timeout), func() { _ = body.Close() })
	head := make([]byte, 4)
	_, err = io.ReadFull(body, head)
	if !timer.Stop() {
		return 0, nil // it stays open
	}
	switch {
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return 0, err
	case err == nil && head[0]&0x0f == 8 && head[1] >= 2:
		return int(binary.BigEndian.Uint16(head[2:])), nil
	case err == nil:
		return 0, nil // a message
	case head[0]&0x0f == 8:
		return 1005, nil
	default:
		return 1006, nil
	}
}
