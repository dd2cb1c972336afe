package assets

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

var (
	acceptRanges   = []string{"bytes"}
	varyOnEncoding = []string{"Accept-Encoding"}
	nosniff        = []string{"nosniff"}
	plainText      = []string{"text/plain; charset=utf-8"}
	retrySoon      = []string{"1"}
	// methods are the methods that assets support (RFC 9110, 15.5.6).
	methods = []string{"GET, HEAD, OPTIONS"}
)

// write sends a response, and sets the status of the answer to the one that was sent. It returns false, and has sent nothing, if
// the bytes that the answer names are gone. Then the caller must decide again.
func (h *Handler) write(w http.ResponseWriter, r *http.Request, a *answer) (written bool) {
	header := w.Header()
	switch {
	case a.file == nil:
		h.writeWithoutFile(w, r, a)
		return true
	case a.status == http.StatusNotAcceptable:
		header["Vary"] = appendVary(header["Vary"], varyOnEncoding)
		fail(w, r, a.status)
		return true
	case a.status == http.StatusNotModified: // the client's copy has the rest of the header (RFC 9110, 15.4.5)
		a.writeValidators(header)
		w.WriteHeader(a.status)
		return true
	}
	length, content := a.inMemory()
	if content == nil || a.conditional {
		return h.writeOpened(w, r, a)
	}
	a.writeHeader(header)
	header["Content-Length"] = length
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
	return true
}

// inMemory returns the body and its Content-Length, or nil if the body must be opened first.
func (a *answer) inMemory() (length []string, content []byte) {
	switch {
	case a.delta != nil:
		return a.delta.ContentLength, a.delta.Bytes
	case a.coding != variants.Identity:
		return nil, nil
	case a.variant != nil:
		return a.variant.ContentLength, a.variant.Bytes
	default:
		return a.file.ContentLength, a.file.Content
	}
}

// writeOpened opens the body first, and then writes the header. It is no part of write, which must need little stack: over
// HTTP/2 each request starts with a small one, and to grow it takes longer than to serve from memory.
func (h *Handler) writeOpened(w http.ResponseWriter, r *http.Request, a *answer) (written bool) {
	content, err := a.open()
	switch {
	case err != nil && a.variant != nil:
		a.file.Variants.Forget(a.variant)
		a.catalog.Lost.Store(true)
		return false
	case errors.Is(err, tree.ErrNotRegular):
		a.status = http.StatusNotFound
		fail(w, r, a.status)
		return true
	case errors.Is(err, fs.ErrPermission):
		a.status = http.StatusForbidden
		fail(w, r, a.status)
		return true
	case err != nil: // the next reading of the disk will tell what is there
		w.Header()["Retry-After"] = retrySoon
		a.status = http.StatusServiceUnavailable
		fail(w, r, a.status)
		return true
	}
	defer content.Close()
	a.writeHeader(w.Header())
	switch {
	case a.coding != variants.Identity:
		a.status = writeEncoded(w, r, a, content)
	case a.conditional:
		a.status = h.writeConditional(w, r, a, content)
	default:
		w.Header()["Content-Length"] = []string{tree.FormatInt(a.size())}
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			h.send(w, r, content, a.size())
		}
	}
	return true
}

// open opens the body. The caller must close it.
func (a *answer) open() (*tree.OpenFile, error) {
	switch {
	case a.variant == nil:
		return a.file.Open(a.catalog)
	case a.variant.Bytes != nil:
		return tree.InMemory(a.variant.Bytes), nil
	}
	content, ok := a.variant.Open()
	if !ok {
		return nil, tree.ErrOtherContent
	}
	return &tree.OpenFile{ReaderAt: content, Closer: content}, nil
}

func (a *answer) size() int64 {
	if a.variant != nil {
		return a.variant.Size
	}
	return a.file.Size
}

// writeHeader writes all of the header but the Content-Length.
func (a *answer) writeHeader(header http.Header) {
	a.writeValidators(header)
	if a.file.LastModified != nil {
		header["Last-Modified"] = a.file.LastModified
	}
	header["Content-Type"] = a.contentType
	if len(a.contentType) > 0 && a.contentType[0] != tree.UnknownType {
		header["X-Content-Type-Options"] = nosniff // a script of unknown type must run, as behind nginx and file_server
	}
	a.writeDictionary(header)
	switch {
	case a.delta != nil:
		header["Content-Encoding"] = deltas.Encoding
	case a.variant != nil:
		header["Content-Encoding"] = a.variant.Encoding
	case a.coding != variants.Identity:
		header["Content-Encoding"] = a.coding.Header()
	default:
		header["Accept-Ranges"] = acceptRanges
	}
}

// writeValidators writes the part of the header that a 304 has too.
func (a *answer) writeValidators(header http.Header) {
	header["Cache-Control"] = a.cacheControl
	if a.etag != nil {
		header["Etag"] = a.etag
	}
	if a.dictionary != nil {
		header["Vary"] = appendVary(header["Vary"], varyOnDictionary)
	} else if a.file.Variants != nil || tree.Compressible(a.file.ContentType[0]) || a.coding != variants.Identity {
		header["Vary"] = appendVary(header["Vary"], varyOnEncoding)
	}
}

// appendVary adds fields to those that a response varies on already.
func appendVary(already, fields []string) []string {
	if len(already) == 0 {
		return fields
	}
	for _, value := range already {
		if strings.Contains(strings.ToLower(value), strings.ToLower(fields[0])) {
			return already
		}
	}
	return append(already[:len(already):len(already)], fields[0])
}

// writeEncoded compresses while it sends, for a client that accepts no coding that exists already. It returns the status.
func writeEncoded(w http.ResponseWriter, r *http.Request, a *answer, content *tree.OpenFile) (status int) {
	encoder, err := variants.Fast(a.coding, w)
	if err != nil {
		clearContent(w.Header())
		fail(w, r, http.StatusNotAcceptable)
		return http.StatusNotAcceptable
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return http.StatusOK
	}
	_, err = io.CopyN(encoder, content, a.file.Size)
	content.AbortIfChanged()
	if err == nil {
		_ = encoder.Close()
	}
	return http.StatusOK
}

// clearContent removes the fields that describe a file's bytes, for an error.
func clearContent(header http.Header) {
	for _, name := range []string{"Etag", "Last-Modified", "Vary", "Accept-Ranges", "Content-Encoding"} {
		delete(header, name)
	}
}

func (h *Handler) writeWithoutFile(w http.ResponseWriter, r *http.Request, a *answer) {
	header := w.Header()
	switch a.reason {
	case notRead, isChanging:
		header["Retry-After"] = retrySoon
	case wrongMethod:
		header["Allow"] = methods
	case noFinalSlash:
		header["Location"] = []string{h.withSlash(r, a.urlPath)}
	}
	if a.status >= http.StatusBadRequest {
		fail(w, r, a.status)
		return
	}
	header["Cache-Control"] = a.cacheControl
	w.WriteHeader(a.status)
}

// withSlash is the URL of a directory, for the client: with the part of the path that an earlier handler removed, unless a
// rewrite changed the name. Two slashes at the beginning would name another host.
func (h *Handler) withSlash(r *http.Request, urlPath string) string {
	target := url.URL{Path: urlPath + "/", RawQuery: r.URL.RawQuery}
	if h.OriginalURL != nil {
		if asked := h.OriginalURL(r); path.Base(asked.Path) == path.Base(urlPath) {
			target.Path = "/" + strings.Trim(asked.Path, "/") + "/"
		}
	}
	return target.String()
}

// failures holds the body of a frequent error, made once.
var failures = map[int]*failure{http.StatusNotFound: newFailure(http.StatusNotFound)}

type failure struct {
	body          []byte
	contentLength []string
}

func newFailure(status int) *failure {
	body := http.StatusText(status) + "\n"
	return &failure{[]byte(body), []string{tree.FormatInt(int64(len(body)))}}
}

// fail sends an error. Nothing in the header speaks of the file, and no cache keeps it.
func fail(w http.ResponseWriter, r *http.Request, status int) {
	header, text := w.Header(), failures[status]
	if text == nil {
		text = newFailure(status)
	}
	header["Content-Type"] = plainText
	header["Content-Length"] = text.contentLength
	header["X-Content-Type-Options"] = nosniff
	header["Cache-Control"] = never
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text.body)
	}
}
