package stamp

// stampInline rewrites the content of a script element that stands in data from i to end.
func (p *Page) stampInline(data []byte, i, end int) {
	change := func(e edit) { p.replace(data, i+e.start, i+e.end, e.with) }
	if p.inline == inlineImportMap {
		p.stamper.importMapEdits(data[i:end], p.base, &p.memory, change)
		return
	}
	p.stamper.scriptEdits(data[i:end], script{at: p.base, page: true}, &p.memory, change)
}

// keepLong is for content that is too long to be held. What belongs to a graph of modules must not be left out alone:
// from here on the page keeps all of them.
func (p *Page) keepLong() {
	p.keep = p.keep || p.inline != inlineScript
}
