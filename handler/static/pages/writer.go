package pages

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/scan2food/usher/handler/static/stamp"
)

// writer stamps a response if it is a page. The header of a response that may be a page waits for the first bytes of the body:
// a body that is no HTML passes with its header untouched. The header of a compressed page waits until the whole body could be
// decoded, the body is too long to hold, or the handler flushes: a body that cannot be decoded passes untouched too.
type writer struct {
	http.ResponseWriter
	stamper  *Stamper
	request  *http.Request
	path     string // of the request, before handlers rewrite it
	snapshot *snapshot
	restored bool     // the request has the entity tag of the page as it would be stamped now
	forgets  bool     // the response has Clear-Site-Data
	plain    []string // files that the Link fields preload with their plain URLs

	state   state
	status  int
	page    *stamp.PageWriter // of a response that is stamped
	decoder *decoder          // of a compressed response that may be a page
	seen    []byte            // the held bytes of the body, without content coding
	raw     []byte            // the same, as the handler wrote them, if they are compressed
	buffers *buffers          // the memory of seen and raw, if the body is compressed
}

// state is how far a response was decided.
type state byte

const (
	undecided state = iota // the handler has written no header
	candidate              // the header waits for the first bytes of the body
	passing                // the response passes untouched
	stamping
)

// maxSeen is how many bytes are looked at to tell what a body is.
const maxSeen = 1 << 10

// Unwrap lets http.ResponseController reach the writer below.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// location is the URL of the page as the browser sees it.
func (w *writer) location() *url.URL {
	at := w.stamper.OriginalURL(w.request)
	return &url.URL{Host: w.request.Host, Path: at.Path, RawPath: at.RawPath}
}

// WriteHeader decides from the header whether the response may be a page.
func (w *writer) WriteHeader(status int) {
	switch {
	case w.state == candidate:
		return // as net/http does with a second header
	case w.state != undecided:
		w.ResponseWriter.WriteHeader(status)
		return
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.stampLinks()
		w.ResponseWriter.WriteHeader(status)
		return
	}
	header := w.Header()
	w.status = status
	// A stamped page waits for the end of each tag.
	eligible := isEligible(status, header) && !isIncremental(w.request.Header) && !isIncremental(header)
	isCandidate := eligible && w.request.Method != http.MethodHead && !isEmptyEncoded(header)
	switch {
	case isCandidate:
	case isNeverPage(header):
		w.learn(otherPath)
	default:
		w.learn(unknownPath)
	}
	switch {
	case status == http.StatusNotModified && w.restored:
		w.notModified(header)
	case eligible && w.request.Method == http.MethodHead:
		w.changeHeader(header)
	case isCandidate:
		w.state = candidate
		if coding := codingOf(header); coding != "" {
			w.buffers = buffersPool.Get().(*buffers)
			w.seen, w.raw = w.buffers.seen, w.buffers.raw
			w.decoder = startDecoder(coding, (*decoded)(w))
		}
		return
	case isHTML(header) && (status < 300 || status >= 400):
		setNoCache(header)
		w.clearSiteData(header)
	}
	w.state = passing
	w.ResponseWriter.WriteHeader(status)
}

// learn remembers for later requests what the response is. Only a request that asks for a page shows that its path has none: at some
// paths other requests get JSON. A part of text/html does not show whether the whole begins like a page.
func (w *writer) learn(kind pathKind) {
	switch {
	case w.request.Method == http.MethodPost, kind == otherPath && !asksForPage(w.request):
	case w.status == http.StatusOK, w.status == http.StatusPartialContent && kind == otherPath:
		w.stamper.paths.note(w.path, kind)
	}
}

// notModified makes the header of a 304 for a page that is stamped as it would be now (RFC 9110, 15.4.5).
func (w *writer) notModified(header http.Header) {
	w.tag(header)
	w.addGeneration(header)
	setNoCache(header)
	delete(header, "Last-Modified")
}

// changeHeader makes the header of a stamped page.
func (w *writer) changeHeader(header http.Header) {
	w.stampLinks()
	setNoCache(header)
	w.clearSiteData(header)
	w.tag(header)
	w.addGeneration(header)
	for _, name := range []string{
		"Content-Length", "Content-Encoding", "Last-Modified", "Accept-Ranges",
		"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", // of other bytes
	} {
		delete(header, name)
	}
}

func (w *writer) stampLinks() {
	header := w.Header()
	if len(header["Link"]) == 0 || noTransform(header) {
		return
	}
	stamped, plain := w.snapshot.rewriter.Links(header["Link"], w.location())
	header["Link"], w.plain = stamped, append(w.plain, plain...) // those of early hints count too
}

// setNoCache sets Cache-Control: no-cache if the response has no caching headers. Browsers would otherwise apply heuristic
// freshness and show an earlier page (RFC 9111, 4.2.2).
func setNoCache(header http.Header) {
	if header["Cache-Control"] == nil && header["Expires"] == nil {
		header["Cache-Control"] = []string{"no-cache"}
	}
}

// tag makes the entity tag that of the page as it is stamped now. It removes an invalid one, such as a tag without quotes, since a
// client that sends it back would get 304 for a page that names other versions by now.
func (w *writer) tag(header http.Header) {
	etag := header.Get("Etag")
	opaque, isQuoted := strings.CutPrefix(strings.TrimPrefix(etag, "W/"), `"`)
	if opaque, isClosed := strings.CutSuffix(opaque, `"`); !isQuoted || !isClosed || strings.Contains(opaque, `"`) {
		delete(header, "Etag")
		return
	}
	header["Etag"] = []string{strings.TrimSuffix(etag, `"`) + tagMark + w.snapshot.tag + `"`}
}

// addGeneration sends the generation of the page where its scripts can read it: in the performance entry of the navigation
// (Server Timing, 4). A cookie would not belong to this page alone.
func (w *writer) addGeneration(header http.Header) {
	header["Server-Timing"] = append(header["Server-Timing"], `usher;desc="`+w.snapshot.generation+`"`)
}

func (w *writer) Write(data []byte) (int, error) {
	if w.state == undecided {
		if w.Header()["Content-Type"] == nil && w.Header()["Content-Encoding"] == nil {
			w.Header().Set("Content-Type", http.DetectContentType(data)) // as net/http would
		}
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.state == passing:
		return w.ResponseWriter.Write(data)
	case w.decoder != nil:
		return w.writeEncoded(data)
	default:
		return (*decoded)(w).Write(data)
	}
}

// decoded takes the body of a response that may be a page, without its content coding.
type decoded writer

func (d *decoded) Write(data []byte) (int, error) {
	w := (*writer)(d)
	switch w.state {
	case passing:
		return len(data), nil // the response passes as the handler wrote it
	case stamping:
		return w.page.Write(data)
	}
	w.seen = append(w.seen, data...)
	isPage, known := looksLikePage(w.seen[:min(len(w.seen), maxSeen)])
	switch {
	case known && !isPage:
		return len(data), w.begin(false)
	case w.decoder != nil && len(w.seen) <= maxDecoded, !known && len(w.seen) < maxSeen:
		return len(data), nil
	}
	return len(data), w.begin(true)
}

// begin writes the header, and what was seen of the body.
func (w *writer) begin(isPage bool) error {
	if !isPage {
		w.learn(otherPath)
		w.state = passing
		if w.decoder != nil {
			return nil // see writeEncoded
		}
		defer w.release()
		w.ResponseWriter.WriteHeader(w.status)
		_, err := w.ResponseWriter.Write(w.seen)
		return err
	}
	defer w.release()
	w.learn(pagePath)
	w.state = stamping
	w.changeHeader(w.Header())
	w.ResponseWriter.WriteHeader(w.status)
	if w.stamper.Stamped != nil {
		w.stamper.Stamped()
	}
	w.page = w.snapshot.rewriter.PageWriter(w.ResponseWriter, w.location())
	w.page.KeepPlain(w.plain)
	if strings.Contains(strings.ToLower(w.Header().Get("Content-Type")), "charset=") {
		w.page.IgnoreMeta()
	}
	_, err := w.page.Write(w.seen)
	return err
}

// looksLikePage reports whether a body begins like HTML in an ASCII-compatible charset. Some applications send JSON as text/html.
// Not known: there was only white space.
func looksLikePage(body []byte) (isPage, known bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	body = bytes.TrimLeft(body, " \t\r\n\f")
	if len(body) == 0 {
		return false, false
	}
	switch body[0] {
	case '{', '[', 0xfe, 0xff, 0: // JSON, or the byte order mark of UTF-16 or UTF-32
		return false, true
	}
	return true, true
}

// ReadFrom leaves the copying of a response that passes to the writer below, and so to the kernel.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if w.state == passing {
		return io.Copy(w.ResponseWriter, r)
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// FlushError passes a flush on, and sends what was held. All that can be decoded was decoded before.
func (w *writer) FlushError() error {
	if w.state == undecided {
		w.WriteHeader(http.StatusOK)
	}
	if w.state == candidate {
		if len(w.seen) == 0 {
			return nil // the header waits for the body
		}
		if err := w.begin(true); err != nil {
			return err
		}
	}
	if w.page != nil {
		if err := w.page.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// finish writes what was held.
func (w *writer) finish() error {
	if w.state == undecided && w.Header()["Content-Type"] != nil {
		w.WriteHeader(http.StatusOK) // net/http would
	}
	if w.decoder != nil {
		if err := w.decoder.finish(); w.state == passing || w.state == candidate && (err != nil || len(w.seen) == 0) {
			return w.passRaw(nil)
		} else if err != nil {
			return err
		}
	}
	if w.state == candidate {
		if err := w.begin(true); err != nil {
			return err
		}
	}
	if w.page == nil {
		return nil
	}
	return w.page.Close()
}

// abandon ends the decoding of a response, also if its handler failed.
func (w *writer) abandon() {
	if w.decoder != nil {
		w.decoder.abandon()
	}
	w.release()
}
