package tunnel

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/tunnel/buffers"
)

// relayResponse gives the client an answer that is not a tunnel, as it came.
func (h *Handler) relayResponse(w http.ResponseWriter, r *http.Request, answer *response) error {
	defer answer.discard()
	if r.ProtoMajor > 1 && answer.StatusCode < 300 {
		// To an extended CONNECT any 2xx says that the tunnel stands (RFC 8441, 5).
		return &Error{Status: http.StatusBadGateway, Err: errNoSwitch}
	}
	h.config.Rejected(r)
	header := w.Header()
	upgrade := answer.Header["Upgrade"]
	removeHopByHop(answer.Header)
	copyHeader(header, answer.Header)
	if answer.StatusCode == http.StatusUpgradeRequired && r.ProtoMajor == 1 && len(upgrade) > 0 {
		header["Connection"], header["Upgrade"] = []string{"Upgrade"}, upgrade
	}
	w.WriteHeader(answer.StatusCode)
	h.relayBody(w, answer)
	return nil
}

// relayBody copies the body until its end, or until the application sends none of it for the time of a write. The
// status has been sent: where the body breaks off, breaking off the client's is all that can be done.
func (h *Handler) relayBody(w http.ResponseWriter, answer *response) {
	buffer := buffers.Take(buffers.Small)
	defer buffers.Give(buffers.Small, buffer)
	controller := http.NewResponseController(w)
	for {
		_ = answer.conn.SetDeadline(time.Now().Add(h.config.WriteTimeout))
		n, err := answer.Body.Read(*buffer)
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

// copySwitchHeader copies the header of a 101 that has been checked. What describes a body, or one connection, stays behind.
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

// copyHeader lets the application's word stand, beside cookies that were set on the way: one may hold a client to its
// upstream.
func copyHeader(to, from http.Header) {
	for name, values := range from {
		if name == "Set-Cookie" {
			values = append(to[name], values...)
		}
		to[name] = values
	}
}

// discard ends the connection of an answer that became no tunnel.
func (a *response) discard() {
	a.conn.Close()
	a.releaseReader()
}
