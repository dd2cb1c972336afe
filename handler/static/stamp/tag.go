package stamp

import (
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// rewriteTag stamps the references of a start tag in data, in their order.
func (p *PageWriter) rewriteTag(tag *markup.Tag, data []byte) {
	if tag.Element == markup.BaseElement {
		p.setBase(tag)
	}
	resource := p.rewriter.resourceOf(tag)
	integrity := p.integrityOf(tag, resource)
	for _, a := range tag.Attributes() {
		switch {
		case a.Name == markup.IntegrityAttribute:
			if integrity.replaces {
				p.replaceIntegrity(a, data, integrity.value)
			}
		case isSrcset(tag.Element, a.Name):
			p.stampSrcset(tag, a, data)
		case isReference(tag.Element, a.Name, resource):
			p.stampAttribute(tag, a, data)
			if integrity.adds {
				p.apply(data, edit{a.Next, a.Next, []byte(` integrity="` + integrity.value + `"`)})
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

func (p *PageWriter) stampAttribute(tag *markup.Tag, a markup.Attribute, data []byte) {
	if value := tag.Value(a); value != nil {
		p.stampURL(value, 0, len(value.Text), a, data)
	}
}

// stampURL stamps the URL that stands in an attribute's value from start to end.
func (p *PageWriter) stampURL(value *markup.Value, start, end int, a markup.Attribute, data []byte) {
	e, ok := p.rewriter.stamp(value.Text[start:end], p.base, markupAmpersand, &p.memory)
	if !ok || value.JoinsReference(start+e.start) && e.with[0] != '?' && e.with[0] != '&' {
		return
	}
	p.apply(data, edit{a.Start + value.Origin(start+e.start), a.Start + value.Origin(start+e.end), e.with})
}
