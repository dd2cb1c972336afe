package tunnel

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// protocolHeader is the field in which x/net/http2 stores :protocol of an extended CONNECT. HTTP/3 stores it in Request.Proto.
const protocolHeader = ":protocol"

// isHandshake reports whether the request is a WebSocket handshake: an Upgrade on HTTP/1 (RFC 6455, 4.1), or an extended
// CONNECT on HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220).
func isHandshake(r *http.Request) bool {
	switch r.ProtoMajor {
	case 1:
		return httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") &&
			httpguts.HeaderValuesContainsToken(r.Header["Upgrade"], "websocket")
	case 2:
		return r.Method == http.MethodConnect && slices.Equal(r.Header[protocolHeader], []string{"websocket"})
	default:
		return r.Method == http.MethodConnect && r.Proto == "websocket"
	}
}

// checkHandshake checks a handshake as required by RFC 6455, 4.2.1. A gate has done so before.
func checkHandshake(r *http.Request) error {
	version := r.Header["Sec-Websocket-Version"]
	if r.ProtoMajor > 1 {
		if len(version) > 0 && !slices.Equal(version, []string{"13"}) {
			return &Error{Status: http.StatusUpgradeRequired, Err: fmt.Errorf("want Sec-WebSocket-Version 13, got %q", version)}
		}
		return nil
	}
	switch {
	case r.Method != http.MethodGet:
		return &Error{Status: http.StatusMethodNotAllowed, Err: fmt.Errorf("want a GET, got %s", r.Method)}
	case r.ProtoMinor < 1:
		return &Error{Status: http.StatusBadRequest, Err: errors.New("want HTTP/1.1, got HTTP/1.0")}
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return &Error{Status: http.StatusBadRequest, Err: errors.New("handshake has a body")}
	case len(r.Header["Upgrade"]) != 1 || !strings.EqualFold(r.Header["Upgrade"][0], "websocket"):
		return &Error{Status: http.StatusBadRequest, Err: fmt.Errorf("want Upgrade: websocket, got %q", r.Header["Upgrade"])}
	case !slices.Equal(version, []string{"13"}):
		return &Error{Status: http.StatusUpgradeRequired, Err: fmt.Errorf("want Sec-WebSocket-Version 13, got %q", version)}
	case len(r.Header["Sec-Websocket-Key"]) != 1 || !isValidKey(r.Header["Sec-Websocket-Key"][0]):
		return &Error{Status: http.StatusBadRequest, Err: errors.New("want one Sec-WebSocket-Key of 16 bytes in base64")}
	}
	return nil
}

func isValidKey(key string) bool {
	decoded, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(decoded) == 16
}

// handshake is the request to the application, and what its response must match.
type handshake struct {
	request    *http.Request
	accept     string // Sec-WebSocket-Accept for the request's key
	protocols  []string
	extensions []string
}

// newHandshake returns the handshake to the application. It reads random for the key of HTTP/2 and 3 clients, which send none.
func newHandshake(r *http.Request, random io.Reader) (*handshake, error) {
	target := &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	request := (&http.Request{
		Method: http.MethodGet, URL: target, Host: r.Host, Header: r.Header.Clone(), RemoteAddr: r.RemoteAddr, TLS: r.TLS,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(r.Context())
	header := request.Header
	removeHopByHop(header)
	delete(header, protocolHeader)
	if r.ProtoMajor > 1 {
		var key [16]byte
		if _, err := io.ReadFull(random, key[:]); err != nil {
			return nil, fmt.Errorf("generating a handshake key: %w", err)
		}
		header["Sec-Websocket-Key"] = []string{base64.StdEncoding.EncodeToString(key[:])}
		header["Sec-Websocket-Version"] = []string{"13"}
	}
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{""} // otherwise net/http sets its own
	}
	h := &handshake{
		request:    request,
		accept:     sockets.AcceptValue(header["Sec-Websocket-Key"][0]),
		protocols:  listElements(header["Sec-Websocket-Protocol"]),
		extensions: extensionNames(header["Sec-Websocket-Extensions"]),
	}
	return h, nil
}

// requestFor returns the request for one upstream. Header changes of the operator cannot remove the fields of a handshake.
func (h *handshake) requestFor(
	prepare func(request, original *http.Request, upstream *Upstream), original *http.Request, upstream *Upstream,
) *http.Request {
	request := h.request.Clone(h.request.Context())
	key := request.Header["Sec-Websocket-Key"]
	prepare(request, original, upstream)
	request.Header["Connection"] = []string{"Upgrade"}
	request.Header["Upgrade"] = []string{"websocket"}
	request.Header["Sec-Websocket-Key"] = key
	useRFCNames(request.Header)
	return request
}

// check checks the application's 101 as clients do (RFC 6455, 4.1). A response that the client would reject must not open a
// tunnel.
func (h *handshake) check(response http.Header) error {
	upgrade := response["Upgrade"]
	protocols := listElements(response["Sec-Websocket-Protocol"])
	switch {
	case len(upgrade) != 1 || !strings.EqualFold(upgrade[0], "websocket"):
		return fmt.Errorf("invalid 101 of the application: want Upgrade: websocket, got %q", upgrade)
	case !httpguts.HeaderValuesContainsToken(response["Connection"], "upgrade"):
		return fmt.Errorf("invalid 101 of the application: want Connection: upgrade, got %q", response["Connection"])
	case !slices.Equal(response["Sec-Websocket-Accept"], []string{h.accept}):
		return errors.New("invalid 101 of the application: wrong Sec-WebSocket-Accept")
	case len(protocols) > 1 || len(protocols) == 1 && !slices.Contains(h.protocols, protocols[0]):
		return errors.New("invalid 101 of the application: subprotocol was not offered")
	}
	for _, name := range extensionNames(response["Sec-Websocket-Extensions"]) {
		if !slices.Contains(h.extensions, name) {
			return fmt.Errorf("invalid 101 of the application: extension %q was not offered", name)
		}
	}
	return nil
}

func listElements(values []string) []string {
	var elements []string
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			if element = textproto.TrimString(element); element != "" {
				elements = append(elements, element)
			}
		}
	}
	return elements
}

func extensionNames(values []string) []string {
	names := listElements(values)
	for i, extension := range names {
		name, _, _ := strings.Cut(extension, ";")
		names[i] = textproto.TrimString(name)
	}
	return names
}

// hopByHop are the hop-by-hop fields (RFC 9110, 7.6.1), including obsolete ones.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Http2-Settings",
}

// removeHopByHop deletes the hop-by-hop fields, and those that Connection lists. It keeps listed fields that the gate or the
// application may use for decisions: clients must not remove these.
func removeHopByHop(header http.Header) {
	for _, name := range listElements(header["Connection"]) {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if !isEndToEnd(name) {
			delete(header, name)
		}
	}
	for _, name := range hopByHop {
		delete(header, name)
	}
}

func isEndToEnd(name string) bool {
	switch name {
	case "Origin", "Cookie", "Authorization", "Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host":
		return true
	}
	return strings.HasPrefix(name, "Sec-Websocket-")
}

// rfcNames are field names that net/http spells differently from RFC 6455. Some servers compare them with case.
var rfcNames = map[string]string{
	"Sec-Websocket-Accept":     "Sec-WebSocket-Accept",
	"Sec-Websocket-Extensions": "Sec-WebSocket-Extensions",
	"Sec-Websocket-Key":        "Sec-WebSocket-Key",
	"Sec-Websocket-Protocol":   "Sec-WebSocket-Protocol",
	"Sec-Websocket-Version":    "Sec-WebSocket-Version",
}

func useRFCNames(header http.Header) {
	for ours, theirs := range rfcNames {
		if values, ok := header[ours]; ok {
			delete(header, ours)
			header[theirs] = values
		}
	}
}
