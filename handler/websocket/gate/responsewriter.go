package gate

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// responseWriter checks the application's response to an admitted handshake.
type responseWriter struct {
	http.ResponseWriter
	site     siteRequest
	sources  []Source
	other    string // an offered subprotocol that is no credential
	accept   string // the expected Sec-WebSocket-Accept; "" where the proxy sends a key of its own
	invalid  bool   // the response had another one
	offered  bool   // the handshake offers a credential as a subprotocol
	deadline *time.Timer
}

var errAccept = errors.New("the application sent a wrong Sec-WebSocket-Accept")

// Unwrap lets http.ResponseController reach the socket's writer.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader stops the handshake timeout and never sends a credential back as the selected subprotocol. It drops a 101 whose
// Sec-WebSocket-Accept does not match the handshake (RFC 6455, 4.2.2).
func (w *responseWriter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		if w.deadline != nil {
			w.deadline.Stop()
		}
		w.site.readHeader(w.Header())
		w.stripSubprotocol()
		if status < 300 {
			w.selectSubprotocol()
		}
	} else {
		stripSiteHeaders(w.Header())
	}
	if status == http.StatusSwitchingProtocols && w.accept != "" && !w.accepts() {
		w.invalid = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write reads the header of a response that begins without WriteHeader.
func (w *responseWriter) Write(p []byte) (int, error) {
	if !w.site.read {
		w.site.readHeader(w.Header())
	}
	return w.ResponseWriter.Write(p)
}

// Hijack fails if the response was dropped.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.invalid {
		return nil, nil, errAccept
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// accepts compares the Sec-WebSocket-Accept. If it does not match, accepts deletes the headers of the handshake, since an error
// response follows. Proxies write the header names in several ways.
func (w *responseWriter) accepts() bool {
	for name, values := range w.Header() {
		if strings.EqualFold(name, "Sec-WebSocket-Accept") && len(values) == 1 && values[0] == w.accept {
			return true
		}
	}
	for name := range w.Header() {
		if strings.HasPrefix(strings.ToLower(name), "sec-websocket-") || name == "Upgrade" || name == "Connection" {
			delete(w.Header(), name)
		}
	}
	return false
}

// stripSubprotocol replaces a credential that the application selected as the subprotocol. A browser that offered subprotocols
// fails the handshake if none is selected, so the replacement is the first other one.
func (w *responseWriter) stripSubprotocol() {
	for name, selected := range w.Header() {
		if !strings.EqualFold(name, "Sec-WebSocket-Protocol") || !slices.ContainsFunc(selected, w.isCredential) {
			continue
		}
		delete(w.Header(), name)
		if w.other != "" {
			w.Header()[name] = []string{w.other}
		}
	}
}

// selectSubprotocol selects an offered subprotocol if the application selected none. The client offered subprotocols to send its
// credential, and browsers fail the handshake if none of them is selected.
func (w *responseWriter) selectSubprotocol() {
	if !w.offered || w.other == "" {
		return
	}
	for name, values := range w.Header() {
		if strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			if strings.TrimSpace(strings.Join(values, "")) != "" {
				return
			}
			delete(w.Header(), name) // an empty field selects none
		}
	}
	w.Header()["Sec-WebSocket-Protocol"] = []string{w.other}
}

func (w *responseWriter) isCredential(element string) bool {
	return isSubprotocolCredential(w.sources, element)
}

func isSubprotocolCredential(sources []Source, element string) bool {
	for _, source := range sources {
		if source.In != InSubprotocol {
			continue
		}
		if _, ok := subprotocolCredential(element, source.Name); ok {
			return true
		}
	}
	return false
}

// offersCredential reports whether the handshake offers a credential as a subprotocol.
func offersCredential(r *http.Request, sources []Source) (offers bool) {
	elements(r.Header["Sec-Websocket-Protocol"], func(element string) {
		offers = offers || isSubprotocolCredential(sources, element)
	})
	return offers
}

// otherSubprotocol returns the first offered subprotocol that is no credential.
func otherSubprotocol(r *http.Request, sources []Source) (other string) {
	elements(r.Header["Sec-Websocket-Protocol"], func(element string) {
		if other == "" && !isSubprotocolCredential(sources, element) {
			other = element
		}
	})
	return other
}
