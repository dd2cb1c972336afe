package stamp

import (
	"bytes"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// resource is what a script, a link or an input element loads.
type resource struct {
	// isLoaded is true if the file is loaded with the page under its stamped URL.
	isLoaded bool
	// hasIntegrity is true if browsers check the integrity attribute of the element.
	hasIntegrity bool
	// isPreload is true if something else uses the file.
	isPreload bool
	// isFont is true if only stylesheets use the file.
	isFont bool
	// isStylesheet is true if the file may refer to others.
	isStylesheet bool
}

func resourceOf(tag *markup.Tag) resource {
	switch tag.Element {
	case markup.ScriptElement:
		return scriptResource(tag)
	case markup.LinkElement:
		return linkResource(tag)
	case markup.InputElement:
		return resource{isLoaded: ascii.EqualFold(tag.Text(markup.TypeAttribute), "image")}
	}
	return resource{}
}

// scriptResource excludes modules. The URL of a module is its identity: under a second URL the module would run a second time.
func scriptResource(tag *markup.Tag) resource {
	isClassic := !ascii.EqualFold(ascii.TrimSpace(tag.Text(markup.TypeAttribute)), "module")
	return resource{isLoaded: isClassic, hasIntegrity: isClassic}
}

// linkResource excludes links to pages, such as rel=canonical, since pages are not loaded with the page.
func linkResource(tag *markup.Tag) resource {
	var link resource
	isPreload := false
	for rest := tag.Text(markup.RelAttribute); len(rest) > 0; {
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
			link.isLoaded, isPreload, link.isPreload = true, true, true
		case ascii.EqualFold(rel, "prefetch"):
			link.isLoaded, isPreload = true, true
		case ascii.EqualFold(rel, "icon"), ascii.EqualFold(rel, "mask-icon"), ascii.EqualFold(rel, "manifest"),
			ascii.EqualFold(rel, "fluid-icon"), ascii.HasPrefixFold(rel, "apple-touch-"):
			link.isLoaded = true
		}
	}
	if isPreload {
		as := tag.Text(markup.AsAttribute)
		link.isLoaded = link.isLoaded && isStampable(as)
		link.isFont = ascii.EqualFold(as, "font")
		link.hasIntegrity = link.hasIntegrity || ascii.EqualFold(as, "script") || ascii.EqualFold(as, "style")
	}
	link.isPreload = link.isPreload && !link.isStylesheet
	return link
}

// whitespace is the whitespace of HTML.
const whitespace = " \t\n\r\f"

// isStampable reports whether a preloaded file may be requested under its stamped URL. If it is not, a stamped preload would load the
// file twice.
func isStampable(as []byte) bool { // scripts request these:
	return !ascii.EqualFold(as, "fetch") && !ascii.EqualFold(as, "worker") && !ascii.EqualFold(as, "sharedworker")
}
