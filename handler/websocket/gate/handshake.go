package gate

import (
	"encoding/base64"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Handshake is the kind of protocol switch that a request asks for.
type Handshake uint8

// The kinds.
const (
	// PlainHTTP stays HTTP.
	PlainHTTP Handshake = iota
	// WebSocket asks for a WebSocket: with Upgrade on HTTP/1.1 (RFC 6455, 4.1), or with an extended CONNECT on HTTP/2
	// (RFC 8441) and HTTP/3 (RFC 9220).
	WebSocket
	// OtherProtocol asks for anything else: h2c, connect-udp, webtransport, two protocols at once.
	OtherProtocol
	// Tunnel is a CONNECT without a protocol.
	Tunnel
)

// protocolHeader is the name under which x/net/http2 stores the :protocol of an extended CONNECT.
const protocolHeader = ":protocol"

// ReadHandshake returns the kind of a request. A request that any later proxy would tunnel is not plain HTTP here: case, list
// position and the number of Connection lines do not matter.
func ReadHandshake(r *http.Request) Handshake {
	if r.Method == http.MethodConnect {
		return readConnect(r)
	}
	if r.Header[protocolHeader] != nil {
		return OtherProtocol
	}
	upgrade := r.Header["Upgrade"]
	if len(upgrade) == 0 || !httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") {
		return PlainHTTP
	}
	if hasWebSocketToken(upgrade) {
		return WebSocket
	}
	return OtherProtocol
}

func readConnect(r *http.Request) Handshake {
	// On HTTP/3 the protocol is in r.Proto, on HTTP/2 in a header.
	if r.ProtoMajor == 3 {
		switch {
		case r.Proto == "websocket":
			return WebSocket
		case r.Proto == "HTTP/3.0" || r.Proto == "HTTP/3":
			return Tunnel
		default:
			return OtherProtocol
		}
	}
	protocol := r.Header[protocolHeader]
	switch {
	case r.ProtoMajor == 2 && len(protocol) == 1 && protocol[0] == "websocket":
		return WebSocket
	case len(protocol) > 0:
		return OtherProtocol
	default:
		return Tunnel
	}
}

func hasWebSocketToken(upgrade []string) bool {
	return httpguts.HeaderValuesContainsToken(upgrade, "websocket")
}

// offersUpgrade reports whether a request would stay HTTP/1.1 if the server ignored Upgrade. curl --http2 and Java's client
// offer h2c with every request.
func offersUpgrade(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.Method != http.MethodConnect && r.Header[protocolHeader] == nil
}

// ignoreUpgrade deletes the offer, so that no later handler accepts it.
func ignoreUpgrade(header http.Header) {
	var kept []string
	elements(header["Connection"], func(option string) {
		if !strings.EqualFold(option, "upgrade") && !strings.EqualFold(option, "http2-settings") {
			kept = append(kept, option)
		}
	})
	delete(header, "Upgrade")
	delete(header, "Http2-Settings")
	delete(header, "Connection")
	if len(kept) > 0 {
		header["Connection"] = []string{strings.Join(kept, ", ")}
	}
}

// hasPathTarget reports whether the target of a request is a path or a URL, as that of a handshake must be (RFC 9112, 3.2). A
// CONNECT to a host and port is no handshake unless it has Upgrade.
func hasPathTarget(r *http.Request, handshake Handshake) bool {
	return strings.HasPrefix(r.RequestURI, "/") || r.URL.Scheme != "" || handshake == Tunnel && r.Header["Upgrade"] == nil
}

// Fault says why a handshake is invalid: the status, and the sentence for the log and the response.
type Fault struct {
	Status int
	Why    string
}

// checkHandshake returns the fault of a WebSocket handshake, or nil if it is valid (RFC 6455, 4.2.1; RFC 8441, 5). It rejects
// what an application may read differently from the gate.
func checkHandshake(r *http.Request, found headerBytes) *Fault {
	if found.control {
		return &faultHeaderBytes
	}
	if r.ProtoMajor == 1 {
		return checkUpgrade(r)
	}
	return checkExtendedConnect(r)
}

// The faults, made once, so that a rejection allocates little.
var (
	faultHeaderBytes = Fault{http.StatusBadRequest, "a header holds a control byte"}
	faultTargetBytes = Fault{http.StatusBadRequest, "the path or query holds a byte that is not ASCII; escape it as %XX"}
	faultMethod      = Fault{http.StatusMethodNotAllowed, "a WebSocket handshake is a GET"}
	faultVersionHTTP = Fault{http.StatusBadRequest, "a WebSocket handshake needs HTTP/1.1"}
	faultUpgrade     = Fault{http.StatusBadRequest, "Upgrade must be websocket alone"}
	faultVersion     = Fault{http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13"}
	faultKey         = Fault{http.StatusBadRequest, "Sec-WebSocket-Key must be one base64 value of 16 bytes"}
	faultBody        = Fault{http.StatusBadRequest, "a WebSocket handshake has no body"}
	faultOrigin      = Fault{http.StatusBadRequest, "more than one Origin"}
	faultQuery       = Fault{http.StatusBadRequest, "the key's query parameter holds an invalid % escape or a semicolon"}
	faultParameters  = Fault{http.StatusBadRequest, "the query has more than 1,000 parameters"}
	faultSubprotocol = Fault{http.StatusBadRequest,
		"a browser must offer a second subprotocol beside the credential, and gets that one back"}
	faultTunnel   = Fault{http.StatusMethodNotAllowed, "CONNECT needs the protocol websocket"}
	faultTarget   = Fault{http.StatusBadRequest, "the request target must begin with a slash or be an absolute URL"}
	faultProtocol = Fault{http.StatusForbidden, "this site switches to WebSocket only"}
)

func checkUpgrade(r *http.Request) *Fault {
	upgrade := r.Header["Upgrade"]
	switch {
	case r.Method != http.MethodGet:
		return &faultMethod
	case r.ProtoMinor < 1:
		return &faultVersionHTTP
	case len(upgrade) != 1 || !strings.EqualFold(strings.Trim(upgrade[0], " \t"), "websocket"):
		return &faultUpgrade
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return &faultBody
	case !isSingle(r.Header["Sec-Websocket-Version"], "13"):
		return &faultVersion
	case !validKey(r.Header["Sec-Websocket-Key"]):
		return &faultKey
	}
	return checkCommon(r)
}

func checkExtendedConnect(r *http.Request) *Fault {
	// The header may be absent: HTTP/2 and 3 know version 13 only.
	version := r.Header["Sec-Websocket-Version"]
	if len(version) > 0 && !isSingle(version, "13") {
		return &faultVersion
	}
	return checkCommon(r)
}

func checkCommon(r *http.Request) *Fault {
	if len(r.Header["Origin"]) > 1 {
		return &faultOrigin
	}
	return nil
}

func isSingle(values []string, want string) bool {
	return len(values) == 1 && strings.Trim(values[0], " \t") == want
}

// validKey reports whether Sec-WebSocket-Key is the base64 of 16 bytes (RFC 6455, 4.2.1).
func validKey(values []string) bool {
	if len(values) != 1 || len(values[0]) != 24 {
		return false
	}
	var decoded [18]byte
	n, err := base64.StdEncoding.Decode(decoded[:], []byte(values[0]))
	return err == nil && n == 16
}
