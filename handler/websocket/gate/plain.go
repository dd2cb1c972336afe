package gate

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// plainWriter is the writer of a request that the gate passed. It reads the header of the response. A proxy that adds Connection
// and Upgrade to a plain request would open a socket without a decision: no handler can switch protocols or hijack the
// connection of such a request.
type plainWriter struct {
	http.ResponseWriter
	site      siteRequest
	page      *pageWriter // gets the user; nil for requests that get no ticket
	maySwitch bool        // the request asks for another protocol, and was passed
	switched  bool        // a handler tried to switch without
}

var errSwitched = errors.New("a handler switched protocols for a plain request: want no Upgrade in header_up")

// Unwrap lets http.ResponseController reach the server's writer.
func (w *plainWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// readHeader reads the header of the final response.
func (w *plainWriter) readHeader() {
	user := w.site.readHeader(w.Header())
	if w.page != nil && user != nil {
		w.page.user, w.page.userErr = parseUser(user)
	}
}

// WriteHeader withholds a 101. The caller of the handler answers with an error.
func (w *plainWriter) WriteHeader(status int) {
	switch {
	case status == http.StatusSwitchingProtocols && !w.maySwitch:
		w.withholdSwitch()
		return
	case status < 200 && status != http.StatusSwitchingProtocols:
		stripSiteHeaders(w.Header())
	default:
		w.readHeader()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *plainWriter) withholdSwitch() {
	w.switched = true
	stripSiteHeaders(w.Header())
	for name := range w.Header() {
		if name == "Upgrade" || name == "Connection" || strings.HasPrefix(strings.ToLower(name), "sec-websocket-") {
			delete(w.Header(), name)
		}
	}
}

// Write discards what follows a 101.
func (w *plainWriter) Write(p []byte) (int, error) {
	if w.switched {
		return 0, errSwitched
	}
	if !w.site.read {
		w.readHeader()
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets the server send a file.
func (w *plainWriter) ReadFrom(source io.Reader) (int64, error) {
	if w.switched {
		return 0, errSwitched
	}
	if !w.site.read {
		w.readHeader()
	}
	if reader, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return reader.ReadFrom(source)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, source)
}

// FlushError sends the header, if it was not sent.
func (w *plainWriter) FlushError() error {
	if w.switched {
		return errSwitched
	}
	if !w.site.read {
		w.readHeader()
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Push lets Caddy's push handler send resources over HTTP/2.
func (w *plainWriter) Push(target string, options *http.PushOptions) error {
	if pusher, ok := w.ResponseWriter.(http.Pusher); ok {
		return pusher.Push(target, options)
	}
	return http.ErrNotSupported
}

// CheckSwitch forbids sockets for a plain request, see [sockets.CheckSwitch].
func (w *plainWriter) CheckSwitch() error {
	if w.maySwitch {
		return nil
	}
	w.switched = true
	return &StatusError{http.StatusBadGateway, errSwitched}
}

// Hijack fails for a plain request.
func (w *plainWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.CheckSwitch(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// pass calls next for a request that the gate does not reject, and reads the header of the response. page is nil for requests
// that get no ticket.
func (g *Gate) pass(w http.ResponseWriter, r *http.Request, page *pageWriter, next Next) error {
	writer := plainWriters.Get().(*plainWriter)
	*writer = plainWriter{
		ResponseWriter: w, site: g.siteRequest(r), page: page,
		maySwitch: ReadHandshake(r) != PlainHTTP,
	}
	if page != nil {
		writer.ResponseWriter = page
	}
	err := next.ServeHTTP(writer, r)
	if !writer.site.read {
		writer.readHeader() // the server sends what the handler has set
	}
	stripSiteHeaders(w.Header()) // trailers
	switched := writer.switched
	*writer = plainWriter{}
	plainWriters.Put(writer)
	if switched && err == nil {
		return &StatusError{http.StatusBadGateway, errSwitched}
	}
	return err
}

// plainWriters holds writers of requests that have ended: each request of the site needs one. A handler must not use its writer
// after it has returned (net/http, ResponseWriter). After a panic, the writer is not used again.
var plainWriters = sync.Pool{New: func() any { return new(plainWriter) }}
