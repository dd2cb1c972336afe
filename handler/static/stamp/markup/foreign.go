package markup

import "slices"

// foreign tracks the open SVG and MathML elements. In SVG and MathML, CDATA sections are text and a title holds markup.
// The tracking is exact if the elements are closed. If an element is not closed, it ends at the first tag that breaks out of it.
type foreign struct {
	open     []Element
	overflow bool
}

// maxForeign bounds the depth of open elements. A deeper page is passed unchanged from there on.
const maxForeign = 64

// inside reports whether the next element belongs to SVG or MathML, and not to HTML within them.
func (f *foreign) inside() bool { return f.isIn(svgElement) || f.isIn(mathElement) }

// isIn reports whether the innermost open element is e.
func (f *foreign) isIn(e Element) bool { return len(f.open) > 0 && f.open[len(f.open)-1] == e }

// start opens the element of a start tag. If isHTML is true, an annotation-xml element holds HTML.
func (f *foreign) start(name tagName, selfClosing, isHTML bool) {
	e, holdsMarkup := name.element, false
	if f.inside() {
		if name.effect == breaksOut {
			f.leave()
			return
		}
		if f.isIn(svgElement) {
			holdsMarkup = e == foreignObjectElement || e == descElement || e == titleElement
		} else {
			holdsMarkup = e == mathTextElement || e == annotationElement && isHTML
		}
	}
	if selfClosing || !holdsMarkup && e != svgElement && e != mathElement {
		return
	}
	if len(f.open) == maxForeign {
		f.overflow = true
		return
	}
	f.open = append(f.open, e)
}

// end closes the element of an end tag.
func (f *foreign) end(name tagName) {
	if f.inside() && name.effect != noEffect {
		f.leave()
		return
	}
	for i, open := range slices.Backward(f.open) {
		if open == name.element {
			f.open = f.open[:i]
			return
		}
	}
}

// leave closes all elements up to the surrounding HTML.
func (f *foreign) leave() {
	for f.inside() {
		f.open = f.open[:len(f.open)-1]
	}
}
