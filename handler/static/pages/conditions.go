package pages

import (
	"iter"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// tagMark and the generation stand before the closing quote of the entity tag of a stamped page.
const tagMark = "-u"

var (
	ours  = regexp.MustCompile(tagMark + `[0-9a-z]{13}"$`)
	marks = regexp.MustCompile(tagMark + `[0-9a-z]{13}"`)
)

// restoreMatch turns the entity tags of stamped pages in If-Match into those of the application (RFC 9110, 13.1.1). GET and HEAD
// ask for the page as it was stamped. Other methods ask that the page is unchanged, without regard to its assets.
func (s *Stamper) restoreMatch(r *http.Request) *http.Request {
	lines := r.Header["If-Match"]
	if len(lines) == 0 {
		return r
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	current := tagMark + s.now().tag + `"`
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

// conditions returns the request without the preconditions that would be evaluated for another page than the stamped one. A
// request for a page must not be answered with 304 if the page names other versions by now, nor with a part of a page.
func (w *writer) conditions(r *http.Request) *http.Request {
	mayBePage := w.stamper.mayBePage(w.snapshot, r)
	tags := r.Header["If-None-Match"]
	if len(tags) == 0 && !((mayBePage || w.forgets) && (r.Header["If-Modified-Since"] != nil || r.Header["Range"] != nil)) {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	if mayBePage {
		delete(r.Header, "If-Modified-Since")
		delete(r.Header, "Range")
		delete(r.Header, "If-Range")
	}
	delete(r.Header, "If-None-Match")
	if w.forgets {
		delete(r.Header, "If-Modified-Since")
		return r // 304 would not reach the browser's cache with Clear-Site-Data
	}
	if kept := w.restore(tags, mayBePage); len(kept) > 0 {
		r.Header["If-None-Match"] = []string{strings.Join(kept, ", ")}
	}
	return r
}

// restore turns the entity tags of pages that were stamped as now into those of the application. It drops the tags of pages that
// were stamped otherwise and, if the response may be a page, of pages that were not stamped.
func (w *writer) restore(lines []string, mayBePage bool) (kept []string) {
	for tag := range entityTags(strings.Join(lines, ",")) {
		original, isCurrent := strings.CutSuffix(tag, tagMark+w.snapshot.tag+`"`)
		switch {
		case isCurrent:
			w.restored = true
			kept = append(kept, original+`"`)
		case ours.MatchString(tag), mayBePage:
		default:
			kept = append(kept, tag)
		}
	}
	return kept
}

// entityTags yields the members of a list of entity tags. A tag in quotes may hold commas (RFC 9110, 8.8.3).
func entityTags(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			list = strings.TrimLeft(list, " \t,")
			if list == "" {
				return
			}
			end := strings.IndexByte(list, ',')
			if opening := strings.IndexByte(list, '"'); opening >= 0 && (end < 0 || opening < end) {
				if closing := strings.IndexByte(list[opening+1:], '"'); closing >= 0 {
					end = opening + 1 + closing + 1
				}
			}
			if end < 0 {
				end = len(list)
			}
			if !yield(strings.TrimRight(list[:end], " \t")) {
				return
			}
			list = list[end:]
		}
	}
}

// mayBePage reports a request whose response may be a stamped page: by the request, by the served file, by the extension, or by
// earlier responses.
func (s *Stamper) mayBePage(now *snapshot, r *http.Request) bool {
	switch {
	case r.Method == http.MethodPost:
		return false
	case s.paths.kind(r.URL.Path) == pagePath:
		return asksForPage(r) || acceptsAny(r)
	default:
		return asksForPage(r) && !s.isNoPage(now, r.URL.Path)
	}
}

// isNoPage reports a URL path whose response is no page: by the served file, by the extension, or by an earlier response.
func (s *Stamper) isNoPage(now *snapshot, urlPath string) bool {
	if catalog, rest := now.find(urlPath); catalog != nil && !hasPageExtension(rest) && catalog.Lookup(rest) != nil {
		return true
	}
	switch strings.ToLower(path.Ext(urlPath)) {
	case ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico", ".mp4", ".webm", ".mov", ".mp3", ".m4a", ".ogg", ".wav",
		".txt", ".csv", ".json", ".xml", ".zip", ".js", ".mjs", ".css":
		return true
	}
	return s.paths.kind(urlPath) == otherPath
}

func hasPageExtension(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm", ".xhtml":
		return true
	}
	return false
}

// isNavigation reports a request whose response a browser will show: by Sec-Fetch-Dest, or by Accept.
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

// asksForPage reports a request that asks for HTML: a navigation, or one of a script that puts the page into the document, as Turbo
// and htmx do.
func asksForPage(r *http.Request) bool {
	return isNavigation(r) || isByScript(r) && (strings.Contains(r.Header.Get("Accept"), "text/html") || r.Header.Get("HX-Request") == "true")
}

// acceptsAny reports a request that does not say what it asks for.
func acceptsAny(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return isByScript(r) && (accept == "" || accept == "*/*")
}

// isByScript reports a request that a script may have made, and not an element such as img or video.
func isByScript(r *http.Request) bool {
	destination := r.Header.Get("Sec-Fetch-Dest")
	return destination == "" || destination == "empty"
}
