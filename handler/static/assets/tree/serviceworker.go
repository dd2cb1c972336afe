package tree

import (
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

// workerNames are the usual names of scripts that pages register as service workers.
var workerNames = []string{
	"sw", "service-worker", "serviceworker",
	"ngsw-worker", "safety-worker", // Angular
	"firebase-messaging-sw", "onesignalsdkworker",
}

// isServiceWorkerName reports the usual name of a service worker, with or without a hash in it.
func isServiceWorkerName(name string) bool {
	base := strings.ToLower(path.Base(name))
	stem, extension := strings.TrimSuffix(base, path.Ext(base)), path.Ext(base)
	if extension != ".js" && extension != ".mjs" {
		return false
	}
	if before, _, found := fingerprint.SplitName(base, ""); found && fingerprint.MayBeHashed(base) {
		stem = strings.TrimRight(before, ".-_")
	}
	return slices.Contains(workerNames, stem)
}

// maxServiceWorkers bounds the service workers that requests show, for each tree. A client may send any URL as one.
const maxServiceWorkers = 4

// serviceWorkers are the paths that browsers requested as service workers.
type serviceWorkers struct{ paths atomic.Pointer[[]string] }

// IsServiceWorker reports the script of a service worker: by its name, or since a browser requested it as one.
func (t *Tree) IsServiceWorker(f *File) bool { return f.isWorkerName || t.workers.contains(f.Path) }

// NoteServiceWorker notes that a browser requested a file as a service worker. Of two requests at once one may be lost; the next
// request notes it.
func (t *Tree) NoteServiceWorker(f *File) {
	var known []string
	if noted := t.workers.paths.Load(); noted != nil {
		known = *noted
	}
	if len(known) == maxServiceWorkers || slices.Contains(known, f.Path) {
		return
	}
	noted := append(known[:len(known):len(known)], f.Path)
	t.workers.paths.Store(&noted)
}

func (w *serviceWorkers) contains(path string) bool {
	noted := w.paths.Load()
	return noted != nil && slices.Contains(*noted, path)
}
