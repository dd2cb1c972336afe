package assets

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/tree"
)

// condition is what the preconditions and the Range of a request ask for.
type condition uint8

const (
	// unconditional: send all of the file.
	unconditional condition = iota
	// notModified: send 304.
	notModified
	// byNetHTTP: let http.ServeContent decide.
	byNetHTTP
)

// evaluate answers what nearly all requests have: no precondition, or If-None-Match with one entity tag.
func evaluate(r *http.Request, etag []string) condition {
	h := r.Header
	if h["If-Match"] != nil || h["If-Unmodified-Since"] != nil {
		return byNetHTTP
	}
	if tags := h["If-None-Match"]; tags != nil {
		tag, single := singleTag(tags)
		switch {
		case !single:
			return byNetHTTP
		case etag != nil && tag == etag[0]:
			return notModified
		}
	}
	if h["Range"] != nil && r.Method == http.MethodGet { // RFC 9110, 14.2 defines Range for GET alone
		return byNetHTTP
	}
	return unconditional
}

// singleTag returns the entity tag of a field that has one alone, without W/: If-None-Match compares weakly (RFC 9110,
// 13.1.2), and a proxy may have weakened ours.
func singleTag(lines []string) (tag string, single bool) {
	if len(lines) != 1 {
		return "", false
	}
	tag = strings.TrimPrefix(lines[0], "W/")
	single = len(tag) >= 2 && tag[0] == '"' && strings.IndexByte(tag[1:], '"') == len(tag)-2
	return tag, single
}

// conditions are the preconditions and the Range of a request, as http.ServeContent reads them. It reads one line of a
// field, and takes another unit than bytes for an error. A date alone gives neither a 304 nor a part: other bytes may
// have the same date. An empty file has no parts.
func conditions(r *http.Request, size int64) *http.Request {
	header := make(http.Header)
	for _, name := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		if lines := r.Header[name]; lines != nil {
			header[name] = []string{strings.Join(lines, ", ")}
		}
	}
	unit, ranges, _ := strings.Cut(r.Header.Get("Range"), "=")
	ifRange := r.Header["If-Range"]
	if size > 0 && r.Method == http.MethodGet && strings.EqualFold(strings.TrimSpace(unit), "bytes") && (ifRange == nil || isStrongTag(ifRange)) {
		header["Range"] = []string{"bytes=" + withoutEmptySuffix(ranges)}
		header["If-Range"] = ifRange
	}
	return &http.Request{Method: r.Method, Header: header}
}

// withoutEmptySuffix replaces the last 0 bytes, which http.ServeContent sends as a part, by a range behind the end: neither can be
// satisfied (RFC 9110, 14.1.2).
func withoutEmptySuffix(ranges string) string {
	if !strings.Contains(ranges, "0") {
		return ranges
	}
	list := strings.Split(ranges, ",")
	for i := range list {
		if first, length, _ := strings.Cut(list[i], "-"); strings.TrimSpace(first) == "" && isZero(strings.TrimSpace(length)) {
			list[i] = strconv.Itoa(math.MaxInt) + "-"
		}
	}
	return strings.Join(list, ",")
}

func isZero(digits string) bool { return digits != "" && strings.Trim(digits, "0") == "" }

func isStrongTag(lines []string) bool {
	tag, single := singleTag(lines)
	return single && tag == lines[0]
}

// writeConditional lets net/http decide on preconditions and Range, and returns the status. The header is written already.
func (h *Handler) writeConditional(w http.ResponseWriter, r *http.Request, a *answer, content *tree.OpenFile) (status int) {
	if a.variant != nil { // ServeContent writes no Content-Length beside a Content-Encoding
		w.Header()["Content-Length"] = a.variant.ContentLength
	}
	out := &contentWriter{ResponseWriter: w, h: h, r: r, content: content}
	http.ServeContent(out, conditions(r, a.size()), "", a.file.ModTime, content.ReaderAt)
	if out.left > 0 && r.Method == http.MethodGet {
		content.AbortIfChanged()
	}
	return out.status
}

// contentWriter is what http.ServeContent writes to. It adds what net/http does not know: errors are not stored, and a
// file on disk may change while it is sent.
type contentWriter struct {
	http.ResponseWriter
	h       *Handler
	r       *http.Request
	content *tree.OpenFile
	status  int
	left    int64 // bytes of the body that are not written yet
	failed  bool  // the body was written with the status
}

// WriteHeader writes the status, and all of an error.
func (w *contentWriter) WriteHeader(status int) {
	header := w.Header()
	w.status = status
	switch status {
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		clearContent(header)
		w.failed = true
		fail(w.ResponseWriter, w.r, status)
		return
	case http.StatusNotModified:
		delete(header, "X-Content-Type-Options")
		delete(header, "Accept-Ranges")
		delete(header, "Last-Modified")
	}
	w.left, _ = strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	w.ResponseWriter.WriteHeader(status)
}

// Write holds back the last byte until it is known that all bytes are of one version.
func (w *contentWriter) Write(p []byte) (int, error) {
	if w.failed {
		return len(p), nil
	}
	if w.content.OnDisk == nil || int64(len(p)) < w.left {
		w.left -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}
	n, err := w.ResponseWriter.Write(p[:len(p)-1])
	if err != nil {
		return n, err
	}
	w.content.AbortIfChanged()
	w.left = 0
	last, err := w.ResponseWriter.Write(p[len(p)-1:])
	return n + last, err
}

// ReadFrom sends one part of the file as all of it is sent. ServeContent copies several parts through a pipe.
func (w *contentWriter) ReadFrom(source io.Reader) (int64, error) {
	part, isLimited := source.(*io.LimitedReader)
	if isLimited && !w.failed && part.R == io.Reader(w.content.ReaderAt) {
		w.left = 0
		w.h.send(w.ResponseWriter, w.r, w.content, part.N)
		return part.N, nil
	}
	return io.Copy(struct{ io.Writer }{w}, source)
}

// finalStatus is the status that net/http decides on.
func (a *answer) finalStatus(r *http.Request) int {
	if !a.conditional {
		return a.status
	}
	w := &statusWriter{header: http.Header{"Etag": a.etag, "Content-Type": a.file.ContentType}}
	http.ServeContent(w, conditions(r, a.size()), "", a.file.ModTime, io.NewSectionReader(zeros{}, 0, a.size()))
	return w.status
}

// statusWriter keeps the status of a response, and takes no body.
type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header       { return w.header }
func (w *statusWriter) WriteHeader(status int)    { w.status = status }
func (w *statusWriter) Write([]byte) (int, error) { return 0, http.ErrBodyNotAllowed }

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}
