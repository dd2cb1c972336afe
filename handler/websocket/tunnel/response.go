package tunnel

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/tunnel/buffers"
)

// relayResponse relays a response that opens no tunnel.
func (h *Handler) relayResponse(w http.ResponseWriter, r *http.Request, response *response) error {
	defer response.discard()
	if r.ProtoMajor > 1 && response.StatusCode < 300 {
		// On an extended CONNECT any 2xx would open a tunnel (RFC 8441, 5).
		return &Error{Status: http.StatusBadGateway, Err: errNoSwitch}
	}
	h.config.Rejected(r)
	header := w.Header()
	upgrade := response.Header["Upgrade"]
	removeHopByHop(response.Header)
	copyHeader(header, response.Header)
	if response.StatusCode == http.StatusUpgradeRequired && r.ProtoMajor == 1 && len(upgrade) > 0 {
		header["Connection"], header["Upgrade"] = []string{"Upgrade"}, upgrade
	}
	w.WriteHeader(response.StatusCode)
	h.relayBody(w, response)
	return nil
}

// relayBody copies the body until EOF, or until the application sends nothing for WriteTimeout. The status was sent before, so
// if the body is incomplete, relayBody aborts the client's response.
func (h *Handler) relayBody(w http.ResponseWriter, response *response) {
	buffer := buffers.Take(buffers.Small)
	defer buffers.Give(buffers.Small, buffer)
	controller := http.NewResponseController(w)
	for {
		_ = response.conn.SetDeadline(time.Now().Add(h.config.WriteTimeout))
		n, err := response.Body.Read(*buffer)
		if n > 0 {
			if _, err := w.Write((*buffer)[:n]); err != nil {
				return
			}
			_ = controller.Flush()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// copySwitchHeader copies the header of a valid 101, without hop-by-hop fields and fields that describe a body.
func copySwitchHeader(to, from http.Header) {
	removeHopByHop(from)
	for name := range from {
		if strings.HasPrefix(name, "Content-") {
			delete(from, name)
		}
	}
	copyHeader(to, from)
	useRFCNames(to)
}

// copyHeader overwrites fields with those of the application, but adds cookies: a load-balancing policy may have set one.
func copyHeader(to, from http.Header) {
	for name, values := range from {
		if name == "Set-Cookie" {
			values = append(to[name], values...)
		}
		to[name] = values
	}
}

// discard closes the connection of a response that opens no tunnel.
func (r *response) discard() {
	r.conn.Close()
	r.releaseReader()
}
