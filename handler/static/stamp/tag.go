package stamp

import (
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// rewriteTag stamps the references of a start tag in data, in their order.
func (p *PageWriter) rewriteTag(tag *markup.Tag, data []byte) {
	switch tag.Element {
	case markup.BaseElement:
		p.setBase(tag)
	case markup.MetaElement:
		p.readCharset(tag)
	}
	if attributes := tag.Attributes(); len(p.preloads.optionals) > 0 && len(attributes) > 0 {
		p.pass(data, attributes[0].Start) // this may release the preloads, which decides on the references of this tag
		p.writeGathered()
		p.preloads.inTag = true
		defer func() { p.preloads.inTag = false }()
	}
	resource := resourceOf(tag)
	integrity := p.integrityOf(tag, resource)
	for _, a := range tag.Attributes() {
		switch {
		case isSrcset(tag.Element, a.Name):
			p.stampSrcset(tag, a, resource, data)
		case isReference(tag.Element, a.Name, resource):
			p.stampAttribute(tag, a, resource, data)
			if integrity.value != "" {
				p.addIntegrity(data, a.Next, integrity)
			}
		}
	}
}

// setBase applies the first base element with an href (HTML, 4.2.3).
func (p *PageWriter) setBase(tag *markup.Tag) {
	href, ok := tag.Find(markup.HrefAttribute)
	if p.hasBase || !ok || tag.InTemplate || tag.InForeign {
		return
	}
	p.hasBase = true
	value := tag.Value(href)
	if value == nil {
		p.base.foreign = true
		return
	}
	p.base = p.base.withBase(value.Text)
}

func isSrcset(element markup.Element, name markup.AttributeName) bool {
	switch element {
	case markup.ImgElement, markup.SourceElement:
		return name == markup.SrcsetAttribute
	case markup.LinkElement:
		return name == markup.ImagesrcsetAttribute
	}
	return false
}

// isReference reports whether an attribute holds the URL of a file that is loaded with the page.
func isReference(element markup.Element, name markup.AttributeName, resource resource) bool {
	switch element {
	case markup.ImgElement, markup.SourceElement, markup.AudioElement, markup.TrackElement, markup.EmbedElement:
		return name == markup.SrcAttribute
	case markup.VideoElement:
		return name == markup.SrcAttribute || name == markup.PosterAttribute
	case markup.LinkElement:
		return name == markup.HrefAttribute && resource.isLoaded
	case markup.ScriptElement, markup.InputElement:
		return name == markup.SrcAttribute && resource.isLoaded
	case markup.ObjectElement:
		return name == markup.DataAttribute
	case markup.ImageElement: // outside SVG, HTML turns an image element into an img
		return name == markup.HrefAttribute || name == markup.XlinkHrefAttribute || name == markup.SrcAttribute
	case markup.UseElement:
		return name == markup.HrefAttribute || name == markup.XlinkHrefAttribute
	}
	return false
}

func (p *PageWriter) stampAttribute(tag *markup.Tag, a markup.Attribute, resource resource, data []byte) {
	if value := tag.Value(a); value != nil {
		p.stampURL(value, 0, len(value.Text), a, resource, data)
	}
}

// stampURL stamps the URL that stands in an attribute's value from start to end.
func (p *PageWriter) stampURL(value *markup.Value, start, end int, a markup.Attribute, resource resource, data []byte) {
	text := value.Text[start:end]
	ref, ok := p.rewriter.resolve(text, p.base, &p.memory)
	if !ok || resource.isFont && !ref.styles {
		return
	}
	version, ok := p.rewriter.Version(string(ref.path))
	if !ok {
		return
	}
	verdict := p.verdictOf(ref.path, resource)
	e, changes := setVersion(text, ref, version, markupAmpersand, &p.memory)
	if verdict == keepPlain || changes && value.JoinsReference(start+e.start) && e.with[0] != '?' && e.with[0] != '&' {
		return
	}
	e = edit{a.Start + value.Origin(start+e.start), a.Start + value.Origin(start+e.end), e.with}
	switch {
	case verdict == undecided && changes:
		p.applyOptional(data, e, ref.path)
		return
	case changes:
		p.apply(data, e)
	}
	p.noteUser(ref.path, resource)
}
