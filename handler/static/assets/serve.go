package assets

import (
	"io"
	"mime/multipart"
	"net/http"
	"strings"
)

var (
	acceptRanges   = []string{"bytes"}
	varyOnEncoding = []string{"Accept-Encoding"}
)

// serve answers with a file.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File) {
	h.serveAs(w, r, catalog, f, Evidence{})
}

// serveAs answers with a file of whose bytes something is known beside what its name and the query tell.
func (h *Handler) serveAs(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File, known Evidence) {
	chosen, now, wanted := h.serveHeader(w, r, f, known)
	switch {
	case !wanted:
	case chosen != nil:
		if !h.serveVariant(w, r, chosen) {
			f.forgetVariant(chosen)
			if catalog != nil {
				catalog.lost.Store(true)
			}
			h.serveAs(w, r, catalog, f, known) // without it
		}
	case now != Identity:
		h.serveEncoded(w, r, catalog, f, now)
	case r.Header["Range"] != nil:
		w.Header()["Accept-Ranges"] = acceptRanges
		h.serveRange(w, r, catalog, f)
	default:
		w.Header()["Accept-Ranges"] = acceptRanges
		h.serveWhole(w, r, catalog, f)
	}
}

// serveHeader chooses the coding, see choose, and makes the header of the answer. Where no content is wanted it has answered.
func (h *Handler) serveHeader(w http.ResponseWriter, r *http.Request, f *File, known Evidence) (chosen *variant, now Coding, wanted bool) {
	header := w.Header()
	header["Cache-Control"] = h.policy(r, f, known)
	chosen, now, err := f.choose(r, h.Encode)
	if compressible(f.contentType[0]) || now != Identity {
		header["Vary"] = appendVary(header["Vary"])
	}
	if err != nil {
		fail(w, r, http.StatusNotAcceptable)
		return nil, Identity, false
	}
	etag := f.etag
	switch {
	case chosen != nil:
		etag = chosen.etag
	case now != Identity:
		etag = []string{f.codedTag(now.String() + "-fast")}
	}
	header["Etag"] = etag
	switch Evaluate(r.Header, Validators{etag[0], f.ModTime}) {
	case Failed:
		clearValidators(header)
		fail(w, r, http.StatusPreconditionFailed)
		return nil, Identity, false
	case NotModified: // what else belongs to the content stays with the copy that the client has (RFC 9110, 15.4.5)
		w.WriteHeader(http.StatusNotModified)
		return nil, Identity, false
	}
	header["Last-Modified"] = f.lastModified
	header["X-Content-Type-Options"] = nosniff
	header["Content-Type"] = f.contentType
	return chosen, now, true
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
	return Policy(f, h.use(r, f, known))
}

// use is what the request says about the file. Known is what is known of it beside.
func (h *Handler) use(r *http.Request, f *File, known Evidence) Use {
	use := Use{Version: known, Authorized: len(r.Header["Authorization"]) > 0}
	if script := r.Header["Service-Worker"]; len(script) == 1 && script[0] == "script" {
		use.ServiceWorker = true
	}
	if known.Kind == NoEvidence && r.URL.RawQuery != "" {
		use.Version = h.versionEvidence(r.URL.RawQuery, f)
	}
	if use.Version.Kind == NoEvidence && len(h.Immutable) > 0 && h.Immutable.Match(r.URL.Path) {
		use.Version = Evidence{ByOperator, "an immutable pattern matches"}
	}
	return use
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
			if evidence := f.VersionEvidence(withoutEpoch(value, h.Epoch)); evidence.Kind != NoEvidence {
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
func (h *Handler) serveRange(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File) {
	ranges, outcome := []Range(nil), WholeRange
	if r.Method == http.MethodGet && RangeApplies(r.Header, Validators{f.etag[0], f.ModTime}) {
		ranges, outcome = ParseRange(strings.Join(r.Header["Range"], ","), f.Size)
	}
	switch outcome {
	case UnsatisfiableRange:
		clearValidators(w.Header())
		w.Header()["Content-Range"] = []string{unsatisfiedRange(f.Size)}
		fail(w, r, http.StatusRequestedRangeNotSatisfiable)
	case PartialRange:
		h.serveParts(w, r, catalog, f, ranges)
	default:
		h.serveWhole(w, r, catalog, f)
	}
}

// serveWhole answers with all of the file, as it is.
func (h *Handler) serveWhole(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File) {
	if f.Content != nil {
		write(w, r, f.contentLength, f.Content)
		return
	}
	h.serveWholeFromDisk(w, r, catalog, f)
}

func (h *Handler) serveWholeFromDisk(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File) {
	content, err := f.open(catalog)
	if err != nil {
		h.failFromDisk(w, r)
		return
	}
	defer content.Close()
	w.Header()["Content-Length"] = f.contentLength
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		h.send(w, r, content, f.Size)
	}
}

// serveVariant answers with a variant, or reports that the disk has it no more.
func (h *Handler) serveVariant(w http.ResponseWriter, r *http.Request, v *variant) bool {
	if v.content != nil {
		w.Header()["Content-Encoding"] = v.name
		write(w, r, v.contentLength, v.content)
		return true
	}
	return h.serveVariantFromDisk(w, r, v)
}

func (h *Handler) serveVariantFromDisk(w http.ResponseWriter, r *http.Request, v *variant) bool {
	content, found := v.kept.open()
	if !found {
		return false
	}
	defer content.Close()
	w.Header()["Content-Encoding"] = v.name
	w.Header()["Content-Length"] = []string{formatInt(content.Size)}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		h.send(w, r, &opened{readerAt: content}, content.Size)
	}
	return true
}

// serveEncoded answers in a coding that does not exist yet, for a client that accepts no other.
func (h *Handler) serveEncoded(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File, coding Coding) {
	content, err := f.open(catalog)
	if err != nil {
		h.failFromDisk(w, r)
		return
	}
	defer content.Close()
	encoder, err := fastEncoder(coding, w)
	if err != nil {
		fail(w, r, http.StatusNotAcceptable)
		return
	}
	w.Header()["Content-Encoding"] = codingHeaders[coding]
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	_, err = io.CopyN(encoder, content, f.Size)
	content.abortIfChanged()
	if err == nil {
		_ = encoder.Close()
	}
}

// serveParts answers with parts of the file.
func (h *Handler) serveParts(w http.ResponseWriter, r *http.Request, catalog *Catalog, f *File, ranges []Range) {
	content, err := f.open(catalog)
	if err != nil {
		h.failFromDisk(w, r)
		return
	}
	defer content.Close()
	if len(ranges) > 1 {
		parts := multipart.NewWriter(w)
		w.Header()["Content-Type"] = []string{"multipart/byteranges; boundary=" + parts.Boundary()}
		w.Header()["Content-Length"] = []string{formatInt(partsLength(parts.Boundary(), f, ranges))}
		w.WriteHeader(http.StatusPartialContent)
		err := writeParts(parts, f, ranges, content)
		content.abortIfChanged()
		if err == nil {
			_ = parts.Close()
		}
		return
	}
	part := ranges[0]
	if _, err := content.Seek(part.Start, io.SeekStart); err != nil {
		h.failFromDisk(w, r)
		return
	}
	w.Header()["Content-Range"] = []string{part.contentRange(f.Size)}
	w.Header()["Content-Length"] = []string{formatInt(part.Length)}
	w.WriteHeader(http.StatusPartialContent)
	h.send(w, r, content, part.Length)
}

// failFromDisk answers where the disk does not hold the bytes that were catalogued: the next scan will tell what it does.
func (h *Handler) failFromDisk(w http.ResponseWriter, r *http.Request) {
	clearValidators(w.Header())
	w.Header()["Retry-After"] = retrySoon
	fail(w, r, http.StatusServiceUnavailable)
}

var retrySoon = []string{"1"}
