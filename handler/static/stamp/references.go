package stamp

import "bytes"

// startTag rewrites the references of a start tag that stands in data from i to end.
func (p *Page) startTag(name element, data []byte, i, end int) {
	tag := data[i:end]
	p.attributes.forget()
	// What refers to nothing itself can still have a style, whose url() needs a bracket.
	if name&itself != otherElement || p.foreign.inside() || bytes.IndexByte(tag, '(') >= 0 {
		p.attributes.read(data, i, end)
	}
	p.foreign.start(name, p.selfClosing, p.holdsMarkup(data))
	name &= itself
	switch name {
	case baseElement:
		p.setBase(data)
	case metaElement:
		p.notePolicy(data)
	case templateElement:
		p.templates++
	}
	use := p.use(name, data)
	p.stampAttributes(name, use, data)
	p.contents(name, use)
}

func (p *Page) endTag(name element) {
	p.foreign.end(name)
	if name == templateElement && p.templates > 0 {
		p.templates--
	}
}

// contents prepares for what stands in an element that has begun.
func (p *Page) contents(name element, use use) {
	switch {
	case p.foreign.overflow:
		p.enter(inPlain)
	case p.foreign.inside() && (p.selfClosing || name != scriptElement && name != styleElement):
	case name == titleElement && len(p.foreign.open) > 0 && p.foreign.open[len(p.foreign.open)-1] == titleElement:
		// a title in svg holds markup
	case name == plaintextElement:
		p.enter(inPlain)
	case int(name) < len(rawNames) && rawNames[name] != "":
		p.raw.begin(rawNames[name])
		p.enter(p.rawMode(name, use))
	}
}

// rawMode is what is done with the content of an element that holds no markup. In svg it would be markup, and is left
// alone.
func (p *Page) rawMode(name element, use use) mode {
	switch {
	case p.keep || p.foreign.inside():
	case name == styleElement:
		p.css = sheet{}
		return inStyle
	case use.inline != noInline:
		p.inline = use.inline
		return inInline
	}
	return inRaw
}

// valueOf is the value of an attribute without character references, or nil.
func (p *Page) valueOf(name attributeName, data []byte) []byte {
	found, ok := p.attributes.find(name)
	if !ok || !p.value.read(data[found.start:found.end]) {
		return nil
	}
	return p.value.text
}

// holdsMarkup is the case of annotation-xml.
func (p *Page) holdsMarkup(data []byte) bool {
	encoding := p.valueOf(encodingAttribute, data)
	return foldEqual(encoding, "text/html") || foldEqual(encoding, "application/xhtml+xml")
}

// setBase obeys the first base element with an href.
func (p *Page) setBase(data []byte) {
	found, has := p.attributes.find(hrefAttribute)
	if p.based || !has || p.templates > 0 || p.foreign.inside() {
		return
	}
	p.based = true
	if !p.value.read(data[found.start:found.end]) {
		p.base.foreign = true
		return
	}
	p.base = p.base.moved(p.value.text)
}

// notePolicy looks for a policy that names inline content by its digest.
func (p *Page) notePolicy(data []byte) {
	if !foldEqual(trimBlanks(p.valueOf(equivAttribute, data)), "content-security-policy") {
		return
	}
	policy := string(p.valueOf(contentAttribute, data))
	if PinsInline(policy) {
		p.KeepInline()
	}
	if p.stamper.PinsPaths(policy) {
		p.KeepModules()
	}
}

// stampAttributes rewrites what refers to assets, in the order in which it stands there.
func (p *Page) stampAttributes(name element, use use, data []byte) {
	pin := p.pin(use, data)
	for _, found := range p.list[:p.count] {
		switch {
		case found.name == integrityAttribute:
			if pin.renew {
				p.renew(data, found, pin.value)
			}
		case found.name == styleAttribute:
			p.stampStyleAttribute(data, found)
		case found.name == srcsetAttribute && (name == imgElement || name == sourceElement),
			found.name == imagesrcsetAttribute && name == linkElement:
			p.stampSet(data, found)
		case refers(name, found.name, use):
			p.stampAttribute(data, found, use.as)
			if pin.add {
				p.replace(data, found.next, found.next, []byte(` integrity="`+pin.value+`"`))
			}
		}
	}
}

func (p *Page) renew(data []byte, found attribute, value string) {
	if found.bare {
		value = `="` + value + `"`
	}
	p.replace(data, found.start, found.end, []byte(value))
}

// refers reports whether an attribute of an element is the URL of something that is loaded with the page.
func refers(name element, found attributeName, use use) bool {
	switch name {
	case scriptElement, imgElement, sourceElement, audioElement, trackElement, embedElement:
		return found == srcAttribute
	case videoElement:
		return found == srcAttribute || found == posterAttribute
	case linkElement:
		return found == hrefAttribute && use.loads
	case inputElement:
		return found == srcAttribute && use.loads
	case objectElement:
		return found == dataAttribute
	case imageElement: // HTML makes an img of it
		return found == hrefAttribute || found == xlinkAttribute || found == srcAttribute
	case useElement:
		return found == hrefAttribute || found == xlinkAttribute
	}
	return false
}

func (p *Page) stampAttribute(data []byte, found attribute, as purpose) {
	if !p.value.read(data[found.start:found.end]) || as == asModule && p.keepModules {
		return
	}
	p.stampPart(data, found, 0, len(p.value.text), as)
}

// stampPart rewrites the URL that stands in the value that was read from start to end.
func (p *Page) stampPart(data []byte, found attribute, start, end int, as purpose) {
	e, ok := p.stamper.stamp(p.value.text[start:end], p.base, as, markupAmpersand, &p.memory)
	if !ok || p.value.continues(data[found.start:], start+e.start) && e.with[0] != '?' && e.with[0] != '&' {
		return
	}
	p.replace(data, found.start+p.value.origin(start+e.start), found.start+p.value.origin(start+e.end), e.with)
}

// stampSet rewrites the URLs of a srcset (HTML, 4.8.4.2.1).
func (p *Page) stampSet(data []byte, found attribute) {
	if !p.value.read(data[found.start:found.end]) {
		return
	}
	text := p.value.text
	for i := 0; i < len(text); {
		if isBlank(text[i]) || text[i] == ',' {
			i++
			continue
		}
		start := i
		for i < len(text) && !isBlank(text[i]) {
			i++
		}
		end := i
		for end > start && text[end-1] == ',' {
			end--
		}
		p.stampPart(data, found, start, end, asResource)
		if end == i {
			i = skipDescriptors(text, i)
		}
	}
}

// skipDescriptors goes to the comma behind the descriptors of a candidate.
func skipDescriptors(text []byte, i int) int {
	brackets := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '(':
			brackets++
		case ')':
			brackets = max(brackets-1, 0)
		case ',':
			if brackets == 0 {
				return i
			}
		}
	}
	return i
}

func (p *Page) stampStyleAttribute(data []byte, found attribute) {
	if p.keep || !p.value.read(data[found.start:found.end]) {
		return
	}
	var css sheet
	for i := 0; i < len(p.value.text); {
		start, end, done := css.find(p.value.text[i:], true)
		if end > start {
			p.stampPart(data, found, i+start, i+end, asResource)
		}
		i += done
	}
}

// stampStyle rewrites the part of a style element that stands in data from i to end, and returns how far it came.
func (p *Page) stampStyle(data []byte, i, end int, final bool) int {
	for i < end {
		start, stop, done := p.css.find(data[i:end], final)
		if stop > start {
			e, ok := p.stamper.stamp(data[i+start:i+stop], p.base, asResource, plainAmpersand, &p.memory)
			if ok {
				p.replace(data, i+start+e.start, i+start+e.end, e.with)
			}
		}
		i += done
		if stop == start {
			break
		}
	}
	return i
}
