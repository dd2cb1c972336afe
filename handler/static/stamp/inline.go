package stamp

import "slices"

// maxInline is the longest inline script that is read, and maxInlineTokens the longest in tokens: these are held too.
const (
	maxInline       = 6 << 10
	maxInlineTokens = 1 << 10
)

// stampInline rewrites the content of a script element that stands in data from i to end.
func (p *Page) stampInline(data []byte, i, end int) {
	content := data[i:end]
	change := func(e edit) { p.replace(data, i+e.start, i+e.end, e.with) }
	if p.inline == inlineImportMap {
		if !p.keepModules && !p.stamper.importMapEdits(content, p.base, &p.memory, change) {
			p.keepModules = true
		}
		return
	}
	if len(content) > maxInline {
		p.keepLong(content)
		return
	}
	if p.stamper.Modules != nil && !p.keepModules {
		p.keepModules = p.loadsPlain(content)
	}
	in := script{at: p.base, page: true, limit: maxInlineTokens, keep: p.keepModules}
	p.stamper.scriptEdits(content, in, &p.memory, change)
}

// loadsPlain reports a script that may load a module under its plain URL, whatever becomes of the literals of its imports.
func (p *Page) loadsPlain(content []byte) bool {
	links := p.stamper.links(p.base, content, maxInlineTokens)
	return links.Unknown || len(links.InheritsBelow) > 0 || len(links.NamesBelow) > 0 ||
		slices.ContainsFunc(links.Names, func(name string) bool {
			rewritten, _ := p.stamper.Modules(name)
			return rewritten != ""
		})
}

// keepLong is for content that is too long to be read. What belongs to a graph of modules must not be left out alone: from
// here on the page keeps all of them.
func (p *Page) keepLong(content []byte) {
	p.keepModules = p.keepModules || p.inline != inlineScript || p.stamper.mayLink(content)
}
