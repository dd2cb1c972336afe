package assets

import (
	"net/http"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/deltas"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// answer is the response to a request, and the reason for it. [Handler.decide] makes it, [Handler.write] writes it, and
// [Handler.Explain] prints it.
type answer struct {
	found
	status       int
	cacheControl []string
	// evidence is why the URL is trusted to name the bytes.
	evidence tree.Evidence
	// The content coding: variant is nil for the file's own bytes. If coding is not variants.Identity, the bytes are
	// encoded while they are sent.
	variant *variants.Variant
	coding  variants.Coding
	etag    []string
	// dictionary is the field Use-As-Dictionary. It is nil if the URL has no deltas.
	dictionary []string
	// delta is sent instead of variant and coding. It is nil if the client holds no other version.
	delta *deltas.Delta
	// missedDelta is true if the client offered a dictionary, and gets no delta.
	missedDelta bool
	// conditional is true if net/http must evaluate preconditions or a Range, which may change the status.
	conditional bool
	// passes is true if the next handler answers.
	passes bool
}

// reason is why a response was chosen, where the evidence does not say so.
type reason uint8

const (
	noReason reason = iota
	notRead
	wrongMethod
	notPlain
	hidden
	noFinalSlash
	noFile
	NoDirectory
	NoAccess
	NoAccessAbove
	Unreadable
	Unreachable
	isChanging
	isFallback
	IsUnpublished
	noCoding
	isServiceWorker
	isManifest
	isPage
	isOutdated
	isProved
	nothingProves
)

// Reasons are the sentences for reasons in explanations.
var Reasons = [...]string{
	notRead:         "the directory has not been read yet",
	wrongMethod:     "assets are read with GET and HEAD",
	notPlain:        "no served file has such a path: dotfiles are hidden, and paths must be plain",
	hidden:          "a hide pattern matches",
	noFinalSlash:    "the path is a directory, and relative references in its page need the final slash",
	noFile:          "there is no such file",
	NoDirectory:     "the directory does not exist",
	NoAccess:        "the file is on disk and cannot be served",
	NoAccessAbove:   "a directory of the path cannot be served",
	Unreadable:      "the user that Caddy runs as has no permission to read the file",
	Unreachable:     "the user that Caddy runs as has no permission to search a directory of the path",
	isChanging:      "the file is new, and is being written",
	IsUnpublished:   "the file is new, and not in the current generation",
	isFallback:      "a navigation without a file gets the fallback; a page names the versions of all other files, so it is revalidated",
	noCoding:        "the client accepts no content coding that the file has",
	isServiceWorker: "the script of a service worker is always revalidated",
	isManifest:      "a build manifest is always revalidated",
	isPage:          "a page names the versions of all other files, so it is revalidated",
	nothingProves:   "nothing proves that the URL names these bytes",
}

// statuses are the statuses of responses without a file.
var statuses = [...]int{
	notRead:       http.StatusServiceUnavailable,
	wrongMethod:   http.StatusMethodNotAllowed,
	notPlain:      http.StatusNotFound,
	hidden:        http.StatusNotFound,
	noFinalSlash:  http.StatusPermanentRedirect,
	noFile:        http.StatusNotFound,
	NoDirectory:   http.StatusNotFound,
	NoAccess:      http.StatusNotFound,
	NoAccessAbove: http.StatusNotFound,
	Unreadable:    http.StatusForbidden,
	Unreachable:   http.StatusForbidden,
	isChanging:    http.StatusServiceUnavailable,
}

// isPassable reports a reason for which `pass_thru` hands a request to the next handler: the URL names no file. A pattern of
// `hide` stays in force, and a file that is being read or written exists.
func isPassable(why reason) bool {
	switch why {
	case wrongMethod, notPlain, noFile, NoDirectory, NoAccessAbove, Unreachable:
		return true
	default:
		return false
	}
}

// decide chooses the response to a request. a holds the result of find. decide depends on its arguments alone and changes only a,
// since a second answer would take more stack.
func (h *Handler) decide(r *http.Request, a *answer) {
	if a.file == nil {
		a.decideWithoutFile(r)
		a.passes = h.PassThru && isPassable(a.reason)
		return
	}
	a.status = http.StatusOK
	if a.contentType == nil {
		a.contentType = a.file.ContentType
	}
	h.decideCaching(a, r)
	var acceptable bool
	if a.variant, a.coding, acceptable = h.choose(r, a.file); !acceptable {
		a.reason, a.status, a.cacheControl = noCoding, http.StatusNotAcceptable, never
		return
	}
	switch {
	case a.variant != nil:
		a.etag = a.variant.ETag
	case a.coding != variants.Identity:
		a.etag = []string{variants.Tag(a.file.Digest(), a.coding.String()+"-fast")}
	default:
		a.etag = a.file.EntityTag
	}
	switch evaluate(r, a.etag) {
	case notModified:
		a.status = http.StatusNotModified
	case byNetHTTP:
		a.conditional = true
	}
}

// choose picks the content coding. Ranges are ranges of the file's own bytes.
func (h *Handler) choose(r *http.Request, f *tree.File) (chosen *variants.Variant, now variants.Coding, acceptable bool) {
	set := f.Variants
	if r.Header["Range"] != nil {
		set = nil
	}
	return variants.Choose(r.Header["Accept-Encoding"], set, f.Size, h.Encode)
}

func (a *answer) decideWithoutFile(r *http.Request) {
	a.status, a.cacheControl = statuses[a.reason], never
	switch {
	case a.reason == wrongMethod && r.Method == http.MethodOptions:
		a.status = http.StatusNoContent
	case a.reason == noFinalSlash:
		a.cacheControl = revalidate
	}
}

// decideCaching chooses the Cache-Control of a file: `immutable` takes evidence, and some files are revalidated whatever
// the evidence.
func (h *Handler) decideCaching(a *answer, r *http.Request) {
	a.evidence = evidenceOf(&a.found)
	why, cacheControl := nothingProves, revalidate
	switch {
	case a.reason == IsUnpublished: // the generation decides on evidence
		a.evidence = tree.Evidence{}
	case a.site.Tree.IsServiceWorker(a.file), isServiceWorkerScript(r):
		why = isServiceWorker
	case a.file.IsManifest:
		why = isManifest
	case tree.IsHTML(a.contentType):
		why = isPage
	case a.evidence.Kind == tree.Outdated:
		why, cacheControl = isOutdated, never
	case a.evidence.Kind != tree.NoEvidence && len(r.Header["Authorization"]) > 0:
		why, cacheControl = isProved, foreverPrivate
	case a.evidence.Kind != tree.NoEvidence:
		why, cacheControl = isProved, forever
	}
	a.cacheControl = cacheControl
	if a.reason == noReason {
		a.reason = why
	}
}

// evidenceOf is the evidence that the URL names the bytes: of the name, of the query, or of the configuration.
func evidenceOf(f *found) tree.Evidence {
	evidence, _ := f.file.GivenOut()
	if evidence.Kind == tree.NoEvidence {
		return f.version
	}
	return evidence
}

// showsServiceWorker reports a request for a URL that would be immutable if the request did not show that it is a service worker's.
func (a *answer) showsServiceWorker() bool {
	return a.reason == isServiceWorker && a.evidence.Kind != tree.NoEvidence && strings.Contains(a.contentType[0], "javascript")
}

// isServiceWorkerScript reports a request for the script of a service worker.
func isServiceWorkerScript(r *http.Request) bool {
	destination := r.Header["Service-Worker"]
	return len(destination) == 1 && destination[0] == "script"
}

// why is a sentence on the response and its Cache-Control.
func (a *answer) why() string {
	switch {
	case a.reason == isProved || a.reason == isOutdated:
		return a.evidence.Detail
	case a.reason == nothingProves && a.file.Denied.Detail != "":
		return Reasons[nothingProves] + ": " + a.file.Denied.Detail
	case a.reason == nothingProves:
		if _, why := a.file.GivenOut(); why != "" {
			return Reasons[nothingProves] + ": " + why
		}
		return Reasons[nothingProves]
	case a.reason == NoAccess:
		return Reasons[NoAccess] + ": " + a.catalog.Problems[a.name]
	case a.reason == NoAccessAbove:
		return Reasons[NoAccessAbove] + ": " + a.catalog.ProblemAbove(a.name)
	default:
		return Reasons[a.reason]
	}
}
