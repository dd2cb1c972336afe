package stamp

import (
	"net/url"
	"slices"
	"strings"
)

// Links stamps the Link header fields (RFC 8288) of the page that is served at a URL. A preload must name the URL that the page
// requests, so it gets the same version. Parts of a field that cannot be parsed stay unchanged.
//
// The page comes later, so a font is stamped only if a stylesheet in the fields refers to it. Plain are the files that keep their
// plain URLs, such as other fonts: the page must use these too, see [PageWriter.KeepPlain].
func (r *Rewriter) Links(fields []string, at *url.URL) (stamped, plain []string) {
	links := linkFields{rewriter: r, location: r.locationOfPage(at)}
	for _, field := range fields {
		forEachLink(field, links.noteSheet)
	}
	for _, field := range fields {
		links.edits = edits{}
		forEachLink(field, links.stamp)
		stamped = append(stamped, string(links.edits.finish([]byte(field))))
	}
	return stamped, links.plain
}

// linkFields stamps the Link fields of one page.
type linkFields struct {
	rewriter *Rewriter
	location location
	memory   scratch
	sheets   []string // stylesheets with a version that the fields name
	plain    []string // fonts without a user, and pinned files
	edits    edits    // of the current field
}

// resourceOf returns what a link loads. Browsers load no icons from Link fields.
func (l *linkFields) resourceOf(link fieldLink) resource {
	resource := resourceOfLink([]byte(link.rels), []byte(link.as), []byte(link.target.text))
	resource.isLoaded = resource.isLoaded && (resource.isStylesheet || resource.isPreload || resource.isPrefetch)
	resource.isPinned = resource.hasIntegrity && link.isPinned
	return resource
}

func (l *linkFields) noteSheet(_ string, link fieldLink) {
	resource := l.resourceOf(link)
	isSheet := resource.isStylesheet || resource.isPreload && strings.EqualFold(link.as, "style")
	if !resource.isLoaded || !isSheet || len(l.sheets) == maxSheets {
		return
	}
	if ref, ok := l.rewriter.resolve([]byte(link.target.text), l.location, &l.memory); ok {
		if _, ok := l.rewriter.Version(string(ref.path)); ok && !l.keepsPlain(string(ref.path), resource) {
			l.sheets = append(l.sheets, string(ref.path))
		}
	}
}

func (l *linkFields) stamp(field string, link fieldLink) {
	resource := l.resourceOf(link)
	if !resource.isLoaded {
		return
	}
	l.stampURL(field, link.target, resource)
	if set := link.imagesrcset; resource.isPreload && !strings.Contains(set.text, `\`) {
		forEachCandidate([]byte(set.text), func(start, end int) {
			l.stampURL(field, fieldPart{set.start + start, set.text[start:end]}, resource)
		})
	}
}

// stampURL stamps the URL that stands in a field.
func (l *linkFields) stampURL(field string, part fieldPart, resource resource) {
	text := []byte(part.text)
	ref, ok := l.rewriter.resolve(text, l.location, &l.memory)
	if !ok || resource.isFont && !ref.styles {
		return
	}
	version, ok := l.rewriter.Version(string(ref.path))
	if !ok {
		return
	}
	if l.keepsPlain(string(ref.path), resource) {
		if len(l.plain) < maxPlain {
			l.plain = append(l.plain, string(ref.path))
		}
		return
	}
	if e, changes := setVersion(text, ref, version, plainAmpersand, &l.memory); changes {
		l.edits.add([]byte(field), edit{part.start + e.start, part.start + e.end, e.with})
	}
}

// keepsPlain reports a file that the page requests under its plain URL: a font without a user, or a pinned file.
func (l *linkFields) keepsPlain(path string, resource resource) bool {
	return resource.isFont && resource.isPreload && !l.isUsed(path) || resource.isPinned && l.rewriter.isRewritten(path)
}

// isUsed reports that a stylesheet in the fields refers to a font.
func (l *linkFields) isUsed(font string) bool {
	return l.rewriter.SheetUses != nil &&
		slices.ContainsFunc(l.sheets, func(sheet string) bool { return l.rewriter.SheetUses(sheet, font) })
}

// fieldPart is a part of a field.
type fieldPart struct {
	start int
	text  string
}

// fieldLink is one link of a field.
type fieldLink struct {
	target, imagesrcset fieldPart
	rels, as            string
	isPinned            bool
}

// forEachLink calls do for each link of a field, with the field.
func forEachLink(field string, do func(field string, link fieldLink)) {
	for at := 0; ; {
		start := strings.IndexByte(field[at:], '<')
		if start < 0 {
			return
		}
		start += at + 1
		length := strings.IndexByte(field[start:], '>')
		if length < 0 {
			return
		}
		link := fieldLink{target: fieldPart{start, field[start : start+length]}}
		at = link.readParameters(field, start+length+1)
		do(field, link)
	}
}

// readParameters reads the parameters from a position of the field, and returns where they end.
func (l *fieldLink) readParameters(field string, at int) (end int) {
	for at < len(field) && field[at] != ',' {
		start := at
		for at < len(field) && strings.IndexByte(`;,="`, field[at]) < 0 {
			at++
		}
		name := strings.ToLower(strings.Trim(field[start:at], " \t"))
		var value fieldPart
		if at < len(field) && field[at] == '=' {
			value, at = readValue(field, at+1)
		}
		switch name {
		case "rel":
			l.rels += " " + value.text
		case "as":
			l.as = value.text
		case "integrity":
			l.isPinned = value.text != ""
		case "imagesrcset":
			l.imagesrcset = value
		}
		if at < len(field) && field[at] != ',' {
			at++ // a semicolon, or what cannot be parsed
		}
	}
	return at
}

// readValue reads the value of a parameter: a token, or a quoted string with its escapes (RFC 9110, 5.6.4).
func readValue(field string, at int) (value fieldPart, end int) {
	for at < len(field) && (field[at] == ' ' || field[at] == '\t') {
		at++
	}
	if at == len(field) || field[at] != '"' {
		end = at
		for end < len(field) && field[end] != ';' && field[end] != ',' {
			end++
		}
		return fieldPart{at, strings.TrimRight(field[at:end], " \t")}, end
	}
	at++
	for end = at; end < len(field) && field[end] != '"'; end++ {
		if field[end] == '\\' {
			end++
		}
	}
	end = min(end, len(field))
	return fieldPart{at, field[at:end]}, min(end+1, len(field))
}
