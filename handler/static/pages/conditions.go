package pages

import (
	"net/http"
	"regexp"
	"strings"
)

// An entity tag of a stamped page ends in a mark and the generation, in place of the quote.
const tagMark = "-u"

var (
	ours  = regexp.MustCompile(tagMark + `[0-9a-z]{13}"$`)
	marks = regexp.MustCompile(tagMark + `[0-9a-z]{13}"`)
)

// restoreMatch turns our entity tags in If-Match into those of the application (RFC 9110, 13.1.1). Who reads wants the page as it
// was stamped; who writes wants that nobody else wrote meanwhile, and the assets are no part of what is written.
func (s *Stamper) restoreMatch(r *http.Request) *http.Request {
	lines := r.Header["If-Match"]
	if len(lines) == 0 {
		return r
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	current := tagMark + s.now().generation + `"`
	restored := make([]string, len(lines))
	for i, line := range lines {
		if reads {
			restored[i] = strings.ReplaceAll(line, current, `"`)
		} else {
			restored[i] = marks.ReplaceAllLiteralString(line, `"`)
		}
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	r.Header["If-Match"] = restored
	return r
}

// conditions takes out of a request what would have the application answer with 304 where the page has other versions by
// now, or with a part of a page.
func (w *writer) conditions(r *http.Request) *http.Request {
	navigates := isNavigation(r)
	tags := r.Header["If-None-Match"]
	if len(tags) == 0 && !(navigates && (r.Header["If-Modified-Since"] != nil || r.Header["Range"] != nil)) {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	if navigates {
		delete(r.Header, "If-Modified-Since")
		delete(r.Header, "Range")
		delete(r.Header, "If-Range")
	}
	delete(r.Header, "If-None-Match")
	if w.forgets {
		return r // 304 would not reach the browser's cache with Clear-Site-Data
	}
	if kept := w.restore(tags, navigates); len(kept) > 0 {
		r.Header["If-None-Match"] = []string{strings.Join(kept, ", ")}
	}
	return r
}

// restore turns our entity tags into those of the application. A page that was stamped otherwise is not the current one,
// nor is one that a browser got before there was any stamping.
func (w *writer) restore(lines []string, navigates bool) (kept []string) {
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag = strings.Trim(tag, " \t")
		original, isCurrent := strings.CutSuffix(tag, tagMark+w.snapshot.generation+`"`)
		switch {
		case isCurrent:
			w.restored = true
			kept = append(kept, original+`"`)
		case ours.MatchString(tag), tag == "", navigates:
		default:
			kept = append(kept, tag)
		}
	}
	return kept
}

// isNavigation reports a request whose answer a browser will show: by the destination that it states, or by what it accepts.
func isNavigation(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "document", "iframe", "frame", "embed", "object":
		return true
	case "":
		return strings.HasPrefix(strings.TrimSpace(r.Header.Get("Accept")), "text/html")
	default:
		return false
	}
}
