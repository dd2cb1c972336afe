package stamp

// startTag rewrites the references of a start tag that stands in data from i to end.
func (p *Page) startTag(name element, data []byte, i, end int) {
	p.attributes.forget()
	if name&itself != otherElement || p.foreign.inside() {
		p.attributes.read(data, i, end)
	}
	p.foreign.start(name, p.selfClosing, p.holdsMarkup(data))
	name &= itself
	switch name {
	case baseElement:
		p.setBase(data)
	case templateElement:
		p.templates++
	}
	use := p.use(name, data)
	p.stampAttributes(name, use, data)
	p.contents(name)
}

func (p *Page) endTag(name element) {
	p.foreign.end(name)
	if name == templateElement && p.templates > 0 {
		p.templates--
	}
}

// contents prepares for what stands in an element that has begun.
func (p *Page) contents(name element) {
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
		p.enter(inRaw)
	}
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

// stampAttributes rewrites what refers to assets, in the order in which it stands there.
func (p *Page) stampAttributes(name element, use use, data []byte) {
	pin := p.pin(use, data)
	for _, found := range p.list[:p.count] {
		switch {
		case found.name == integrityAttribute:
			if pin.renew {
				p.renew(data, found, pin.value)
			}
		case found.name == srcsetAttribute && (name == imgElement || name == sourceElement),
			found.name == imagesrcsetAttribute && name == linkElement:
			p.stampSet(data, found)
		case refers(name, found.name, use):
			p.stampAttribute(data, found)
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
	case imgElement, sourceElement, audioElement, trackElement, embedElement:
		return found == srcAttribute
	case videoElement:
		return found == srcAttribute || found == posterAttribute
	case linkElement:
		return found == hrefAttribute && use.loads
	case scriptElement, inputElement:
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

func (p *Page) stampAttribute(data []byte, found attribute) {
	if p.value.read(data[found.start:found.end]) {
		p.stampPart(data, found, 0, len(p.value.text))
	}
}

// stampPart rewrites the URL that stands in the value that was read from start to end.
func (p *Page) stampPart(data []byte, found attribute, start, end int) {
	e, ok := p.stamper.stamp(p.value.text[start:end], p.base, markupAmpersand, &p.memory)
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
		p.stampPart(data, found, start, end)
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
