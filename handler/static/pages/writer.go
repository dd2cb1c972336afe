package pages

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/scan2food/usher/handler/static/stamp"
)

// writer stamps a response if that is a page.
type writer struct {
	http.ResponseWriter
	stamper  *Stamper
	request  *http.Request
	snapshot *snapshot
	restored bool // the request was asked about a page that was stamped as it would be now
	forgets  bool // the browser is told to clear its cache

	decided bool
	status  int
	page    *stamp.Page // nil: the response passes as it is
	begun   bool        // the first byte of the body was seen
	coding  string
	decoder *decoding
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// location is the URL of the page as the browser sees it.
func (w *writer) location() *url.URL {
	at := w.stamper.OriginalURL(w.request)
	return &url.URL{Host: w.request.Host, Path: at.Path, RawPath: at.RawPath}
}

// WriteHeader decides whether the response is a page that may be changed.
func (w *writer) WriteHeader(status int) {
	if w.decided {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.stampLinks()
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.decided, w.status = true, status
		w.decide(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) stampLinks() {
	header := w.Header()
	if len(header["Link"]) == 0 || noTransform(header) {
		return
	}
	at := w.location()
	stamped := make([]string, len(header["Link"]))
	for i, value := range header["Link"] {
		stamped[i] = w.snapshot.rewriter.Link(value, at)
	}
	header["Link"] = stamped
}

func (w *writer) decide(status int) {
	header := w.Header()
	if status == http.StatusNotModified && w.restored {
		w.tag(header)
		w.addGeneration(header)
		setNoCache(header) // as the page was (RFC 9110, 15.4.5)
		delete(header, "Last-Modified")
		return
	}
	if isHTML(header) && status >= 200 && status != http.StatusNotModified {
		setNoCache(header)
		w.clearSiteData(header)
	}
	if !isEligible(status, header) {
		return
	}
	w.coding = strings.ToLower(strings.TrimSpace(header.Get("Content-Encoding")))
	w.tag(header)
	w.addGeneration(header)
	for _, name := range []string{
		"Content-Length", "Content-Encoding", "Last-Modified", "Accept-Ranges",
		"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", // of other bytes
	} {
		delete(header, name)
	}
	if w.request.Method == http.MethodHead {
		return
	}
	w.page = w.snapshot.rewriter.Page(w.ResponseWriter, w.location())
	if w.coding != "" && w.coding != "identity" {
		w.decoder = startDecoding(w.coding, w.page)
	}
}

// revalidated has browsers ask each time for a page that says nothing of it: they would guess, and show one of before (RFC 9111,
// 4.2.2).
func setNoCache(header http.Header) {
	if header["Cache-Control"] == nil && header["Expires"] == nil {
		header["Cache-Control"] = []string{"no-cache"}
	}
}

// tag makes the entity tag that of the page as it is stamped now.
func (w *writer) tag(header http.Header) {
	if etag := header.Get("Etag"); strings.HasSuffix(etag, `"`) && len(etag) > 1 {
		header["Etag"] = []string{strings.TrimSuffix(etag, `"`) + tagMark + w.snapshot.generation + `"`}
	}
}

// addGeneration says at which generation the page is served, where its scripts can read it: in the performance entry of the
// navigation (Server Timing, 4). It belongs to this page, as no cookie would.
func (w *writer) addGeneration(header http.Header) {
	header["Server-Timing"] = append(header["Server-Timing"], `usher;desc="`+w.snapshot.generation+`"`)
}

func (w *writer) Write(data []byte) (int, error) {
	if !w.decided {
		if w.Header()["Content-Type"] == nil && w.Header()["Content-Encoding"] == nil {
			w.Header().Set("Content-Type", http.DetectContentType(data)) // as net/http would
		}
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.page == nil:
		return w.ResponseWriter.Write(data)
	case w.decoder != nil:
		return w.decoder.Write(data)
	}
	if !w.begun && len(data) > 0 {
		w.begun = true
		if bytes.IndexByte([]byte{0xfe, 0xff, 0}, data[0]) >= 0 { // a byte order mark of UTF-16, or UTF-32
			w.page = nil
			return w.ResponseWriter.Write(data)
		}
	}
	return w.page.Write(data)
}

// ReadFrom leaves the copying of what is no page to the writer below, and so to the kernel.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if w.decided && w.page == nil {
		return io.Copy(w.ResponseWriter, r)
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// FlushError passes a flush on. What is decoded is flushed at its end: where it can be cut is not to be seen.
func (w *writer) FlushError() error {
	if !w.decided {
		w.WriteHeader(http.StatusOK)
	}
	if w.decoder != nil {
		return nil
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
	if w.page == nil {
		return nil
	}
	if w.decoder != nil {
		if err := w.decoder.finish(); err != nil {
			return err
		}
	}
	return w.page.Close()
}

// abandon ends the decoding of a page whose handler did not come to its end.
func (w *writer) abandon() {
	if w.decoder != nil {
		w.decoder.abandon()
	}
}
