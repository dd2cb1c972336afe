package websocketgate

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// GateCredential is a place where a key may stand.
type Credential struct {
	// `query`, `header`, `cookie`, `subprotocol` or `bearer`.
	In string `json:"in"`

	// The name of the parameter, header or cookie, or what stands before the dot in the subprotocol. None for `bearer`.
	Name string `json:"name,omitempty"`
}

// GateUpstreamCredential is what the application gets instead of the client's key.
type UpstreamCredential struct {
	// `query` or `header`.
	In string `json:"in"`

	// The name of the parameter or header.
	Name string `json:"name"`

	// The secret, written as a key's.
	Secret string `json:"secret"`
}

// readTwice refuses a place that would be looked at two times: whatever stood there would be two credentials.
func readTwice(before []gate.Source, source gate.Source) error {
	if slices.Contains(before, source) {
		return fmt.Errorf("credential %s: want it once, got it again", strings.TrimSpace(string(source.In)+" "+source.Name))
	}
	both := append(slices.Clone(before), source)
	if slices.Contains(both, gate.Source{In: gate.InBearer}) &&
		slices.Contains(both, gate.Source{In: gate.InHeader, Name: "Authorization"}) {
		return errors.New("credential: want bearer or header Authorization, got both, which are one place")
	}
	return nil
}

func (c Credential) core() (gate.Source, error) {
	place := gate.Location(c.In)
	switch place {
	case gate.InBearer:
		if c.Name != "" {
			return gate.Source{}, fmt.Errorf("credential bearer: want no name, got %q", c.Name)
		}
		return gate.Source{In: place}, nil
	case gate.InHeader:
		if err := checkHeaderName(c.Name); err != nil {
			return gate.Source{}, fmt.Errorf("credential header: %w", err)
		}
		if strings.EqualFold(c.Name, "Cookie") {
			return gate.Source{}, errors.New("credential header: want credential cookie and its name, got Cookie")
		}
		return gate.Source{In: place, Name: http.CanonicalHeaderKey(c.Name)}, nil
	case gate.InQuery, gate.InCookie, gate.InSubprotocol:
		if err := checkName(place, c.Name); err != nil {
			return gate.Source{}, fmt.Errorf("credential %s: %w", c.In, err)
		}
		return gate.Source{In: place, Name: c.Name}, nil
	default:
		return gate.Source{}, fmt.Errorf("credential: want query, header, cookie, subprotocol or bearer, got %q", c.In)
	}
}

// checkName refuses what no client could present anything under.
func checkName(place gate.Location, name string) error {
	switch {
	case name == "":
		return errors.New("want a name")
	case strings.ContainsAny(name, "{}"):
		return fmt.Errorf("want a name, which no placeholder stands for, got %q", name)
	case place != gate.InQuery && !httpguts.ValidHeaderFieldName(name): // a token (RFC 9110, 5.6.2), as all of these are
		return fmt.Errorf("want a name of letters, digits and !#$%%&'*+-.^_`|~, got %q", name)
	}
	return nil
}

// ofHandshake are the fields that a handshake, or HTTP, needs for itself, beside those of Sec-WebSocket.
var ofHandshake = []string{
	"Host", "Connection", "Upgrade", "Origin", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Keep-Alive",
	"Proxy-Connection",
}

// checkHeaderName refuses fields that are no place for a credential.
func checkHeaderName(name string) error {
	if err := checkName(gate.InHeader, name); err != nil {
		return err
	}
	canonical := http.CanonicalHeaderKey(name)
	if strings.HasPrefix(canonical, "Sec-Websocket-") || slices.Contains(ofHandshake, canonical) {
		return fmt.Errorf("want a field that the handshake does not need, got %s", name)
	}
	return nil
}

func (u *UpstreamCredential) core() (*gate.UpstreamCredential, error) {
	if u == nil {
		return nil, nil
	}
	secret, err := resolveSecret(u.Secret)
	if err != nil {
		return nil, fmt.Errorf("upstream_credential: %w", err)
	}
	credential := &gate.UpstreamCredential{In: gate.Location(u.In), Name: u.Name, Secret: secret}
	switch credential.In {
	case gate.InHeader:
		credential.Name = http.CanonicalHeaderKey(u.Name)
		if err = checkHeaderName(u.Name); err == nil && !httpguts.ValidHeaderFieldValue(secret) {
			err = errors.New("want a secret that can stand in a header, got one with control characters")
		}
	case gate.InQuery:
		err = checkName(gate.InQuery, u.Name)
	default:
		err = fmt.Errorf("want query or header, got %q", u.In)
	}
	if err == nil && keys.IsDigest(secret) {
		err = errors.New("want the secret itself, got a digest, which no application takes for it")
	}
	if err != nil {
		return nil, fmt.Errorf("upstream_credential: %w", err)
	}
	return credential, nil
}

// arrives refuses headers that Caddy takes away before any handler, unless its server is told to keep some.
func arrives(sources []gate.Source, server *caddyhttp.Server) error {
	for _, source := range sources {
		if source.In != gate.InHeader {
			continue
		}
		if strings.Contains(source.Name, "_") && len(server.ExpectedUnderscoreHeaders) == 0 {
			return fmt.Errorf("credential header: want %s among the expected_underscore_headers of the server, which drops it", source.Name)
		}
		if strings.Contains(source.Name, ".") && len(server.ExpectedDotHeaders) == 0 {
			return fmt.Errorf("credential header: want %s among the expected_dot_headers of the server, which drops it", source.Name)
		}
	}
	return nil
}
