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

// Credential is one source of keys in a request.
type Credential struct {
	// `query`, `header`, `cookie`, `subprotocol` or `bearer`.
	In string `json:"in"`

	// The name of the parameter, header or cookie. For `subprotocol`, the part before the dot. Empty for `bearer`.
	Name string `json:"name,omitempty"`
}

// UpstreamCredential is a secret that the application gets instead of the client's key.
type UpstreamCredential struct {
	// `query` or `header`.
	In string `json:"in"`

	// The name of the parameter or header.
	Name string `json:"name"`

	// The secret, in the same notation as a key.
	Secret string `json:"secret"`
}

// checkDuplicate rejects a source that is read already. A key in a source that is read twice would count as two credentials.
func checkDuplicate(earlier []gate.Source, source gate.Source) error {
	if slices.Contains(earlier, source) {
		return fmt.Errorf("credential %s: duplicate; write it once", strings.TrimSpace(string(source.In)+" "+source.Name))
	}
	both := append(slices.Clone(earlier), source)
	if slices.Contains(both, gate.Source{In: gate.InBearer}) &&
		slices.Contains(both, gate.Source{In: gate.InHeader, Name: "Authorization"}) {
		return errors.New("credential: bearer and header Authorization are the same field; write one of them")
	}
	return nil
}

// build returns the gate's form of the credential.
func (c Credential) build() (gate.Source, error) {
	in := gate.Location(c.In)
	switch in {
	case gate.InBearer:
		if c.Name != "" {
			return gate.Source{}, fmt.Errorf("credential bearer: takes no name; remove %q", c.Name)
		}
		return gate.Source{In: in}, nil
	case gate.InHeader:
		if err := checkHeaderName(c.Name); err != nil {
			return gate.Source{}, fmt.Errorf("credential header: %w", err)
		}
		if strings.EqualFold(c.Name, "Cookie") {
			return gate.Source{}, errors.New("credential header: Cookie holds many values; write credential cookie and a name")
		}
		return gate.Source{In: in, Name: http.CanonicalHeaderKey(c.Name)}, nil
	case gate.InQuery, gate.InCookie, gate.InSubprotocol:
		if err := checkName(in, c.Name); err != nil {
			return gate.Source{}, fmt.Errorf("credential %s: %w", c.In, err)
		}
		return gate.Source{In: in, Name: c.Name}, nil
	default:
		return gate.Source{}, fmt.Errorf("credential: want query, header, cookie, subprotocol or bearer, got %q", c.In)
	}
}

// checkName rejects names that no client can send.
func checkName(in gate.Location, name string) error {
	switch {
	case name == "":
		return errors.New("missing name")
	case strings.ContainsAny(name, "{}"):
		return fmt.Errorf("placeholders do not work in names; write the name itself, got %q", name)
	case in != gate.InQuery && !httpguts.ValidHeaderFieldName(name): // a token (RFC 9110, 5.6.2)
		return fmt.Errorf("want a name of letters, digits and !#$%%&'*+-.^_`|~, got %q", name)
	}
	return nil
}

// reservedFields are the fields that HTTP or the handshake uses. The Sec-WebSocket fields are reserved too.
var reservedFields = []string{
	"Host", "Connection", "Upgrade", "Origin", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Keep-Alive",
	"Proxy-Connection",
}

// checkHeaderName rejects names that are invalid or reserved.
func checkHeaderName(name string) error {
	if err := checkName(gate.InHeader, name); err != nil {
		return err
	}
	canonical := http.CanonicalHeaderKey(name)
	if strings.HasPrefix(canonical, "Sec-Websocket-") || slices.Contains(reservedFields, canonical) {
		return fmt.Errorf("%s is used by HTTP or the handshake; write another field", name)
	}
	return nil
}

// build returns the gate's form of the upstream credential, nil for none.
func (u *UpstreamCredential) build() (*gate.UpstreamCredential, error) {
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
			err = errors.New("the secret has control characters, which a header cannot hold; write another secret")
		}
	case gate.InQuery:
		err = checkName(gate.InQuery, u.Name)
	default:
		err = fmt.Errorf("want query or header, got %q", u.In)
	}
	if err == nil && keys.IsDigest(secret) {
		err = errors.New("the application needs the secret itself; write no digest")
	}
	if err == nil {
		err = keys.CheckSecret(secret)
	}
	if err != nil {
		return nil, fmt.Errorf("upstream_credential: %w", err)
	}
	return credential, nil
}

// checkReachable rejects header fields that the server drops before any handler runs.
func checkReachable(sources []gate.Source, server *caddyhttp.Server) error {
	for _, source := range sources {
		if source.In != gate.InHeader {
			continue
		}
		if strings.Contains(source.Name, "_") && len(server.ExpectedUnderscoreHeaders) == 0 {
			return fmt.Errorf("credential header: the server drops %s; add it to expected_underscore_headers", source.Name)
		}
		if strings.Contains(source.Name, ".") && len(server.ExpectedDotHeaders) == 0 {
			return fmt.Errorf("credential header: the server drops %s; add it to expected_dot_headers", source.Name)
		}
	}
	return nil
}
