package stamp

import "bytes"

// use is what a script, a link or an input is for.
type use struct {
	// loads: what it refers to is loaded as a resource, and is no page.
	loads bool
	// pins: it can have an integrity.
	pins bool
}

func (p *Page) use(name element, data []byte) use {
	switch name {
	case scriptElement:
		return p.scriptUse(data)
	case linkElement:
		return p.linkUse(data)
	case inputElement:
		return use{loads: foldEqual(p.valueOf(typeAttribute, data), "image")}
	}
	return use{}
}

// scriptUse: a module keeps its URL, which is its identity. Under a second URL it would run a second time.
func (p *Page) scriptUse(data []byte) use {
	classic := !foldEqual(trimBlanks(p.valueOf(typeAttribute, data)), "module")
	return use{loads: classic, pins: classic}
}

// linkUse: pages that are linked, such as the canonical one, are not loaded.
func (p *Page) linkUse(data []byte) use {
	var use use
	preload := false
	for rest := p.valueOf(relAttribute, data); len(rest) > 0; {
		var word []byte
		rest = bytes.TrimLeft(rest, " \t\n\r\f")
		if end := bytes.IndexAny(rest, " \t\n\r\f"); end >= 0 {
			word, rest = rest[:end], rest[end:]
		} else {
			word, rest = rest, nil
		}
		switch {
		case foldEqual(word, "stylesheet"):
			use.loads, use.pins = true, true
		case foldEqual(word, "preload"), foldEqual(word, "prefetch"):
			use.loads, preload = true, true
		case foldEqual(word, "icon"), foldEqual(word, "mask-icon"), foldEqual(word, "manifest"),
			foldEqual(word, "fluid-icon"), foldPrefix(word, "apple-touch-"):
			use.loads = true
		}
	}
	if preload {
		as := p.valueOf(asAttribute, data)
		use.loads = use.loads && p.stamper.preloads(as)
		use.pins = use.pins || foldEqual(as, "script") || foldEqual(as, "style")
	}
	return use
}

// preloads reports whether what is preloaded will be asked for under its stamped URL: otherwise it is loaded twice.
func (s *Stamper) preloads(as []byte) bool {
	switch {
	case foldEqual(as, "font"): // by style sheets alone
		return s.Styles
	case foldEqual(as, "fetch"), foldEqual(as, "worker"), foldEqual(as, "sharedworker"): // by scripts
		return false
	}
	return true
}

// pin is what becomes of the integrity of an element.
type pin struct {
	value      string
	renew, add bool
}

// pin asks for the integrity of what the element refers to. One is added only where the URL is of this very origin, as
// all are that name no host: others would need crossorigin, and an answer that allows it.
func (p *Page) pin(use use, data []byte) pin {
	if p.stamper.Integrity == nil || !use.pins {
		return pin{}
	}
	source, ok := p.attributes.find(srcAttribute)
	if !ok {
		source, ok = p.attributes.find(hrefAttribute)
	}
	if !ok || !p.value.read(data[source.start:source.end]) {
		return pin{}
	}
	ref, ok := p.stamper.refer(p.value.text, p.base, &p.memory)
	if !ok {
		return pin{}
	}
	path := string(ref.path)
	local := !p.base.named && len(bytes.TrimLeft(p.value.text[:ref.pathStart], " \t\n\r\f")) == 0
	_, has := p.attributes.find(integrityAttribute)
	present := string(trimBlanks(p.valueOf(integrityAttribute, data)))
	value, ok := p.stamper.Integrity(path, present)
	if !ok || value == present || !isPin(value) {
		return pin{}
	}
	return pin{value: value, renew: has, add: !has && local}
}
