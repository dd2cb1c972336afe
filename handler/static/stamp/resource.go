package stamp

import (
	"bytes"
	"strings"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// resource is what a script, a link or an input element loads.
type resource struct {
	// isLoaded is true if the file is loaded with the page under its stamped URL.
	isLoaded bool
	// hasIntegrity is true if browsers check the integrity attribute of the element.
	hasIntegrity bool
	// isPinned is true if an integrity attribute names the bytes.
	isPinned bool
	// isPreload is true if something else uses the file.
	isPreload bool
	// isPrefetch is true if a later page uses the file.
	isPrefetch bool
	// isFont is true if only stylesheets use the file.
	isFont bool
	// isStylesheet is true if the file may refer to others.
	isStylesheet bool
}

func resourceOf(tag *markup.Tag) (loads resource) {
	switch tag.Element {
	case markup.ScriptElement:
		loads = scriptResource(tag)
	case markup.LinkElement:
		loads = linkResource(tag)
	case markup.InputElement:
		loads.isLoaded = ascii.EqualFold(tag.Text(markup.TypeAttribute), "image")
	}
	a, has := tag.Find(markup.IntegrityAttribute)
	loads.isPinned = loads.hasIntegrity && has && a.Start < a.End
	return loads
}

// scriptResource excludes all but classic scripts. The URL of a module is its identity: under a second URL the module would run a
// second time. The loaders of other types, such as module-shim, identify scripts in the same way.
func scriptResource(tag *markup.Tag) resource {
	isClassic := isClassicScript(tag)
	return resource{isLoaded: isClassic, hasIntegrity: isClassic}
}

// isClassicScript reports whether browsers run a script element as a classic script (HTML, 4.12.1.1).
func isClassicScript(tag *markup.Tag) bool {
	if a, has := tag.Find(markup.TypeAttribute); has {
		return a.Start == a.End || isJavaScript(ascii.TrimSpace(tag.Text(markup.TypeAttribute)))
	}
	a, has := tag.Find(markup.LanguageAttribute)
	return !has || a.Start == a.End || isJavaScript(append([]byte("text/"), tag.Text(markup.LanguageAttribute)...))
}

// isJavaScript reports a JavaScript MIME type without parameters (MIME Sniffing, 4.6).
func isJavaScript(mediaType []byte) bool {
	switch strings.ToLower(string(mediaType)) {
	case "text/javascript", "application/javascript", "text/ecmascript", "application/ecmascript", "text/jscript", "text/livescript",
		"text/x-javascript", "application/x-javascript", "text/x-ecmascript", "application/x-ecmascript", "text/javascript1.0",
		"text/javascript1.1", "text/javascript1.2", "text/javascript1.3", "text/javascript1.4", "text/javascript1.5":
		return true
	}
	return false
}

func linkResource(tag *markup.Tag) resource {
	return resourceOfLink(tag.Text(markup.RelAttribute), tag.Text(markup.AsAttribute), tag.Text(markup.HrefAttribute))
}

// resourceOfLink excludes links to pages, such as rel=canonical, since pages are not loaded with the page. It excludes
// rel=manifest, too: to browsers the URL of the manifest may identify the installed site.
func resourceOfLink(rels, as, href []byte) resource {
	var link resource
	isPreload := false
	for rest := rels; len(rest) > 0; {
		var rel []byte
		rest = bytes.TrimLeft(rest, whitespace)
		if end := bytes.IndexAny(rest, whitespace); end >= 0 {
			rel, rest = rest[:end], rest[end:]
		} else {
			rel, rest = rest, nil
		}
		switch {
		case ascii.EqualFold(rel, "stylesheet"):
			link.isLoaded, link.hasIntegrity, link.isStylesheet = true, true, true
		case ascii.EqualFold(rel, "preload"):
			link.isLoaded, isPreload = true, true
		case ascii.EqualFold(rel, "prefetch"):
			link.isLoaded, link.isPrefetch = true, true
		case ascii.EqualFold(rel, "icon"), ascii.EqualFold(rel, "mask-icon"),
			ascii.EqualFold(rel, "fluid-icon"), ascii.HasPrefixFold(rel, "apple-touch-"):
			link.isLoaded = true
		}
	}
	destination := as
	if link.isPrefetch && !link.isStylesheet {
		destination = prefetchedAs(as, href)
		link.isLoaded = destination != nil
	}
	if isPreload || link.isPrefetch {
		link.isLoaded = link.isLoaded && isStampable(destination)
		link.isFont = ascii.EqualFold(destination, "font")
		link.hasIntegrity = link.hasIntegrity || ascii.EqualFold(as, "script") || ascii.EqualFold(as, "style")
	}
	link.isPreload = isPreload && !link.isStylesheet
	return link
}

// prefetchedAs returns the destination of a prefetched file whose user on a later page is stamped for certain, or nil. A script
// may be a module there, and a page is opened under its plain URL. Without an as attribute the extension says what the file is.
func prefetchedAs(as, href []byte) []byte {
	if len(as) == 0 {
		if end := bytes.IndexAny(href, "?#"); end >= 0 {
			href = href[:end]
		}
		as = destinations[string(bytes.ToLower(href[max(bytes.LastIndexByte(href, '.'), 0):]))]
	}
	if ascii.EqualFold(as, "style") || ascii.EqualFold(as, "image") || ascii.EqualFold(as, "font") {
		return as
	}
	return nil
}

// destinations are what files are for, by extension.
var destinations = map[string][]byte{
	".css": []byte("style"),
	".png": []byte("image"), ".jpg": []byte("image"), ".jpeg": []byte("image"), ".gif": []byte("image"), ".webp": []byte("image"),
	".avif": []byte("image"), ".svg": []byte("image"), ".ico": []byte("image"),
	".woff": []byte("font"), ".woff2": []byte("font"), ".ttf": []byte("font"), ".otf": []byte("font"),
}

// whitespace is the whitespace of HTML.
const whitespace = " \t\n\r\f"

// isStampable reports whether a preloaded file may be requested under its stamped URL. If it is not, a stamped preload would load the
// file twice.
func isStampable(as []byte) bool { // scripts request these:
	return !ascii.EqualFold(as, "fetch") && !ascii.EqualFold(as, "worker") && !ascii.EqualFold(as, "sharedworker")
}
