package assets

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
)

var (
	acceptRanges    = []string{"bytes"}
	varyOnEncoding  = []string{"Accept-Encoding"}
	errOtherContent = errors.New("the file on disk is not the one that was catalogued")
)

// serve answers with a file.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File) {
	h.serveAs(w, r, catalog, f, Evidence{})
}

// serveAs answers with a file of whose bytes something is known beside what its name and the query tell.
func (h *Handler) serveAs(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File, known Evidence) {
	header := w.Header()
	header["Cache-Control"] = h.policy(r, f, known)
	header["X-Content-Type-Options"] = nosniff
	etag, chosen := f.etag, (*variant)(nil)
	if compressible(f.contentType[0]) {
		header["Vary"] = appendVary(header["Vary"])
		if r.Header["Range"] == nil {
			if chosen = f.choose(r, h.Encode); chosen != nil {
				etag = chosen.etag
			}
		}
	}
	header["Etag"] = etag
	header["Last-Modified"] = f.lastModified
	switch Evaluate(r.Header, Validators{etag[0], f.ModTime}) {
	case Failed:
		clearValidators(header)
		fail(w, r, http.StatusPreconditionFailed)
		return
	case NotModified:
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header["Content-Type"] = f.contentType
	switch {
	case chosen != nil:
		header["Content-Encoding"] = chosen.name
		write(w, r, chosen.contentLength, chosen.content)
	case r.Header["Range"] != nil:
		header["Accept-Ranges"] = acceptRanges
		f.serveRange(w, r, catalog)
	case f.Content != nil:
		header["Accept-Ranges"] = acceptRanges
		write(w, r, f.contentLength, f.Content)
	default:
		header["Accept-Ranges"] = acceptRanges
		f.serveFromDisk(w, r, catalog)
	}
}

func appendVary(already []string) []string {
	if len(already) == 0 {
		return varyOnEncoding
	}
	for _, value := range already {
		if strings.Contains(strings.ToLower(value), "accept-encoding") {
			return already
		}
	}
	return append(already[:len(already):len(already)], varyOnEncoding[0])
}

func clearValidators(header http.Header) {
	delete(header, "Etag")
	delete(header, "Last-Modified")
	delete(header, "Vary")
}

// policy is the Cache-Control of this request for this file.
func (h *Handler) policy(r *http.Request, f *File, known Evidence) []string {
	use := Use{Version: known}
	if script := r.Header["Service-Worker"]; len(script) == 1 && script[0] == "script" {
		use.ServiceWorker = true
	}
	if known.Kind == NoEvidence && r.URL.RawQuery != "" {
		use.Version = h.versionEvidence(r.URL.RawQuery, f)
	}
	if use.Version.Kind == NoEvidence && len(h.Immutable) > 0 && h.Immutable.Match(r.URL.Path) {
		use.Version = Evidence{ByOperator, "an immutable pattern matches"}
	}
	return Policy(f, use)
}

// versionEvidence is what the first version in the query that speaks of these bytes proves.
func (h *Handler) versionEvidence(query string, f *File) Evidence {
	for len(query) > 0 {
		var parameter string
		parameter, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(parameter, "=")
		for _, word := range h.VersionQuery {
			if name != word {
				continue
			}
			if evidence := f.VersionEvidence(value); evidence.Kind != NoEvidence {
				return evidence
			}
		}
	}
	return Evidence{}
}

func write(w http.ResponseWriter, r *http.Request, length []string, content []byte) {
	w.Header()["Content-Length"] = length
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
}

// serveRange answers a Range, or all of the file where it asks for none that can be given.
func (f *File) serveRange(w http.ResponseWriter, r *http.Request, catalog *Catalog) {
	ranges, outcome := []Range(nil), WholeRange
	if r.Method == http.MethodGet && RangeApplies(r.Header, Validators{f.etag[0], f.ModTime}) {
		ranges, outcome = ParseRange(strings.Join(r.Header["Range"], ","), f.Size)
	}
	if outcome == UnsatisfiableRange {
		clearValidators(w.Header())
		w.Header()["Content-Range"] = []string{unsatisfiedRange(f.Size)}
		fail(w, r, http.StatusRequestedRangeNotSatisfiable)
		return
	}
	content, closeContent, err := f.open(catalog)
	if err != nil {
		clearValidators(w.Header())
		fail(w, r, http.StatusServiceUnavailable)
		return
	}
	defer closeContent()
	switch {
	case outcome == WholeRange:
		f.copyTo(w, r, content)
	case len(ranges) == 1:
		w.Header()["Content-Range"] = []string{ranges[0].contentRange(f.Size)}
		w.Header()["Content-Length"] = []string{formatInt(ranges[0].Length)}
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.Copy(w, io.NewSectionReader(content, ranges[0].Start, ranges[0].Length))
	default:
		parts := multipart.NewWriter(w)
		w.Header()["Content-Type"] = []string{"multipart/byteranges; boundary=" + parts.Boundary()}
		w.WriteHeader(http.StatusPartialContent)
		_ = writeParts(parts, f, ranges, content)
	}
}

// serveFromDisk answers with a file that is not in memory.
func (f *File) serveFromDisk(w http.ResponseWriter, r *http.Request, catalog *Catalog) {
	content, closeContent, err := f.open(catalog)
	if err != nil {
		clearValidators(w.Header())
		fail(w, r, http.StatusServiceUnavailable)
		return
	}
	defer closeContent()
	f.copyTo(w, r, content)
}

type readerAt interface {
	io.Reader
	io.ReaderAt
}

// open gives the bytes that were catalogued, or an error where the disk holds others by now.
func (f *File) open(catalog *Catalog) (readerAt, func(), error) {
	if f.Content != nil {
		return bytes.NewReader(f.Content), func() {}, nil
	}
	if f.earlier != nil {
		return f.earlier, func() {}, nil
	}
	file, err := catalog.root.Open(f.Path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && identify(info) != f.identity {
		err = errOtherContent
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, func() { _ = file.Close() }, nil
}

// copyTo hands the reader to the writer whole, so that the kernel may do the copying.
func (f *File) copyTo(w http.ResponseWriter, r *http.Request, content io.Reader) {
	w.Header()["Content-Length"] = f.contentLength
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = io.CopyN(w, content, f.Size)
	}
}
