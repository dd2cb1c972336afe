package stamp

import "slices"

// foreign follows where the page is in svg and math, which have other rules: CDATA is text there, and a title holds
// markup. It is exact where these are closed; where they are not, it leaves with the first element that cannot stand
// in them.
type foreign struct {
	open     []element
	overflow bool
}

// maxForeign is deeper than drawings are.
const maxForeign = 64

// inside reports whether what comes next belongs to svg or math, and not to HTML in them.
func (f *foreign) inside() bool {
	if len(f.open) == 0 {
		return false
	}
	last := f.open[len(f.open)-1]
	return last == svgElement || last == mathElement
}

// start is for a start tag; holdsMarkup: of annotation-xml, by its encoding.
func (f *foreign) start(name element, selfClosing, holdsMarkup bool) {
	if f.inside() {
		if name&breaksOut != 0 {
			f.leave()
			return
		}
		switch f.open[len(f.open)-1] {
		case svgElement:
			holdsMarkup = name == foreignObjectElement || name == descElement || name == titleElement
		case mathElement:
			holdsMarkup = name == mathTextElement || name == annotationElement && holdsMarkup
		}
	} else {
		holdsMarkup = false
	}
	if selfClosing || !holdsMarkup && name != svgElement && name != mathElement {
		return
	}
	if len(f.open) == maxForeign {
		f.overflow = true
		return
	}
	f.open = append(f.open, name)
}

func (f *foreign) end(name element) {
	if f.inside() && name&(breaksOut|surrounds) != 0 {
		f.leave()
		return
	}
	for i, open := range slices.Backward(f.open) {
		if open == name {
			f.open = f.open[:i]
			return
		}
	}
}

// leave goes back to the HTML around.
func (f *foreign) leave() {
	for f.inside() {
		f.open = f.open[:len(f.open)-1]
	}
}
