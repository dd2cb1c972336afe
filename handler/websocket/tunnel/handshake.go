package tunnel

import (
	"crypto/sha1" // RFC 6455, 4.2.2 wants SHA-1; nothing is protected by it
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
)

// protocolHeader is where x/net/http2 puts the :protocol of an extended CONNECT; HTTP/3 has it in Request.Proto.
const protocolHeader = ":protocol"

// isHandshake reports whether the request asks for a WebSocket: by Upgrade on HTTP/1 (RFC 6455, 4.1), or by an extended
// CONNECT on HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220).
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

// checkHandshake holds a handshake against RFC 6455, 4.2.1. The gate has done so before, where there is one.
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
		return &Error{Status: http.StatusBadRequest, Err: errors.New("want a handshake without a body")}
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

// handshake is the request as it goes to the application, and what its answer will be held against.
type handshake struct {
	request    *http.Request
	accept     string // the Sec-WebSocket-Accept that the key calls for
	protocols  []string
	extensions []string
}

// newHandshake makes the request for the application out of the client's. random is read for the key of a client that
// sent none, which is so on HTTP/2 and 3.
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
			return nil, fmt.Errorf("making a handshake key: %w", err)
		}
		header["Sec-Websocket-Key"] = []string{base64.StdEncoding.EncodeToString(key[:])}
		header["Sec-Websocket-Version"] = []string{"13"}
	}
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{""} // or net/http names itself
	}
	h := &handshake{
		request:    request,
		accept:     acceptValue(header["Sec-Websocket-Key"][0]),
		protocols:  listElements(header["Sec-Websocket-Protocol"]),
		extensions: extensionNames(header["Sec-Websocket-Extensions"]),
	}
	return h, nil
}

// requestFor is the handshake as it goes to one upstream. No operator's word about headers may break what makes it one.
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

// check holds the application's 101 against RFC 6455, 4.1: what a client would refuse must not become a tunnel.
func (h *handshake) check(answer http.Header) error {
	upgrade := answer["Upgrade"]
	protocols := listElements(answer["Sec-Websocket-Protocol"])
	switch {
	case len(upgrade) != 1 || !strings.EqualFold(upgrade[0], "websocket"):
		return fmt.Errorf("the application switched protocols: want Upgrade: websocket, got %q", upgrade)
	case !httpguts.HeaderValuesContainsToken(answer["Connection"], "upgrade"):
		return fmt.Errorf("the application switched protocols: want Connection: upgrade, got %q", answer["Connection"])
	case !slices.Equal(answer["Sec-Websocket-Accept"], []string{h.accept}):
		return errors.New("the application switched protocols with the wrong Sec-WebSocket-Accept")
	case len(protocols) > 1 || len(protocols) == 1 && !slices.Contains(h.protocols, protocols[0]):
		return errors.New("the application selected a subprotocol that was not offered")
	}
	for _, name := range extensionNames(answer["Sec-Websocket-Extensions"]) {
		if !slices.Contains(h.extensions, name) {
			return fmt.Errorf("the application selected the extension %q, which was not offered", name)
		}
	}
	return nil
}

// acceptValue is the Sec-WebSocket-Accept of a key (RFC 6455, 4.2.2).
func acceptValue(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
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

// hopByHop are the fields of one connection alone (RFC 9110, 7.6.1), with those that only older ones define.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Http2-Settings",
}

// removeHopByHop deletes them and what Connection lists. A client that lists a field that belongs to the handshake does
// not get rid of it in this way: the application, or a gate before, may judge by it.
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

// rfcNames are the names that net/http spells otherwise than RFC 6455. Servers that compare with case exist.
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
