package check

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/operate/scripts"
	"github.com/scan2food/usher/handler/operate/verdict"
	"github.com/scan2food/usher/handler/websocket/gate"
)

// socketURL is a WebSocket that a script opens.
type socketURL struct {
	url       *url.URL // with the scheme http or https
	parameter string   // that carries the key
}

// addSocket notes a WebSocket URL of a script whose path is a literal. The script may compute the host and the query.
func (c *checker) addSocket(at *url.URL, text string) {
	text, known := c.withoutHost(text)
	if !known {
		return
	}
	if path, _, _ := strings.Cut(text, "?"); strings.Contains(path, scripts.Computed) {
		c.addComputed(at, path)
		return
	}
	target, err := url.Parse(strings.ReplaceAll(text, scripts.Computed, ""))
	if err != nil || target.Path == "" || target.Path == "/" && target.RawQuery == "" {
		return
	}
	socket := socketURL{url: &url.URL{Scheme: c.page.Scheme, Host: c.page.Host, Path: target.Path}, parameter: "key"}
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
	c.addKnown(socket)
}

// withoutHost returns the path and the query of a WebSocket URL. It is unknown if the host is that of somebody else.
func (c *checker) withoutHost(text string) (rest string, known bool) {
	text, computed := strings.CutPrefix(text, scripts.Computed) // the scheme or the origin
	for _, scheme := range []string{"wss://", "ws://", "https://", "http://", "://", "//"} {
		if after, found := strings.CutPrefix(text, scheme); found {
			host, path, _ := strings.Cut(after, "/")
			name, _, _ := strings.Cut(host, ":")
			return "/" + path, host == c.page.Host || name == scripts.Computed
		}
	}
	if strings.HasPrefix(text, "/") {
		return text, true
	}
	return scripts.Computed + text, computed // the script computes the beginning of the path
}

// addComputed notes a path with parts that a script computes.
func (c *checker) addComputed(at *url.URL, computed string) {
	pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(computed), scripts.Computed, ".+") + "$")
	c.computed = true
	if c.known[computed] || slices.ContainsFunc(c.config.Paths, pattern.MatchString) {
		return
	}
	c.known[computed] = true
	c.report.Add(verdict.Warn, show(at), fmt.Sprintf("the path of a WebSocket, %s, is built at run time: not tried", strings.ReplaceAll(computed, scripts.Computed, "...")),
		"name each path: --key path=VARIABLE")
}

func (c *checker) addKnown(socket socketURL) {
	if c.known[socket.url.String()] || len(c.sockets) == maxSockets {
		return
	}
	c.known[socket.url.String()] = true
	c.sockets = append(c.sockets, socket)
}

// addNamed notes the paths that the operator named and no script.
func (c *checker) addNamed() {
	for _, named := range c.config.Paths {
		if !slices.ContainsFunc(c.sockets, func(s socketURL) bool { return s.url.Path == named }) {
			c.addKnown(socketURL{url: &url.URL{Scheme: c.page.Scheme, Host: c.page.Host, Path: named}, parameter: "key"})
		}
	}
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
	c.addNamed()
	if len(c.sockets) == 0 && !c.computed {
		c.report.Add(verdict.Warn, show(c.page), "no script names the path of a WebSocket", "name it: --key path=VARIABLE")
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
				c.report.Add(verdict.Warn, subject, fmt.Sprintf("%s: %s, which scripts cannot read", try.name, result.statusText()), result.remedy())
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
	case result.status >= http.StatusInternalServerError:
		c.report.Add(verdict.Bad, subject, "the handshake with the right key fails: "+result.statusText(), "start the application, or look at its log")
	case !result.open:
		c.report.Add(verdict.Bad, subject, "the right key is rejected: "+result.statusText(),
			"compare the key with the route's keys: caddy usher keys list, caddy usher explain")
	default:
		c.report.Add(verdict.Good, subject, "opens with the right key", "")
	}
}

// result is the result of a handshake.
type result struct {
	open    bool
	status  int
	outcome gate.Outcome // of the gate that rejected the handshake with the status; "": another handler rejected it
	code    int          // of the Close frame that came at once; 0: none
}

func (r result) statusText() string {
	switch {
	case r.code != 0:
		return fmt.Sprintf("closed with %d", r.code)
	case r.outcome != "":
		return fmt.Sprintf("status %d, %s", r.status, r.outcome)
	default:
		return fmt.Sprintf("status %d", r.status)
	}
}

// remedy says what makes a rejection by status readable for scripts.
func (r result) remedy() string {
	switch {
	case r.outcome == "":
		return "the gate did not reject it: look at the application, or put websocket_gate before it"
	case r.outcome == gate.Unlisted:
		return "write the path as a route of websocket_gate, or name another path"
	case r.outcome == gate.TooMany || r.outcome.CloseCode() == 0:
		return "look up the outcome: caddy usher explain"
	default:
		return "set `reject auto` in websocket_gate"
	}
}

// outcomeOf returns the outcome with which the response of a gate begins.
func outcomeOf(response *http.Response) gate.Outcome {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 64))
	word, _, _ := strings.Cut(string(text), ":")
	if outcome := gate.Outcome(word); slices.Contains(gate.Outcomes, outcome) {
		return outcome
	}
	return ""
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
		return result{status: response.StatusCode, outcome: outcomeOf(response)}, nil
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
