package markup

import "github.com/scan2food/usher/handler/static/stamp/ascii"

// Element names the elements that matter for references and for the scanner.
type Element byte

const (
	unnamedElement Element = iota
	ScriptElement
	styleElement
	titleElement
	textareaElement
	iframeElement
	noembedElement
	noframesElement
	xmpElement
	plaintextElement
	LinkElement
	ImgElement
	SourceElement
	VideoElement
	AudioElement
	TrackElement
	EmbedElement
	ObjectElement
	ImageElement
	UseElement
	InputElement
	BaseElement
	MetaElement
	templateElement
	svgElement
	mathElement
	foreignObjectElement
	descElement
	annotationElement
	mathTextElement
)

// rawNames are the elements whose content is no markup up to the end tag of the same name. Noscript is not one of them: browsers
// without scripts read its content as markup.
var rawNames = [...]string{
	ScriptElement: "script", styleElement: "style", titleElement: "title", textareaElement: "textarea",
	iframeElement: "iframe", noembedElement: "noembed", noframesElement: "noframes", xmpElement: "xmp",
}

// tagName is the name of a tag.
type tagName struct {
	element Element
	effect  foreignEffect
}

// foreignEffect is the effect of a tag on open SVG and MathML elements.
type foreignEffect byte

const (
	noEffect foreignEffect = iota
	// breaksOut closes SVG and MathML with its start tag and with its end tag (HTML, 13.2.6.5).
	breaksOut
	// surrounds closes SVG and MathML with its end tag.
	surrounds
)

// longestName is the length of the longest name that nameFolded knows.
const longestName = len("annotation-xml")

// nameOf reads the name at the beginning of a tag, after "<" or "</".
func nameOf(tag []byte) tagName {
	var folded [longestName]byte
	for i, c := range tag {
		if ascii.IsSpace(c) || c == '/' || c == '>' {
			return nameFolded(string(folded[:i]))
		}
		if i == longestName {
			break
		}
		folded[i] = ascii.Lower(c)
	}
	return tagName{}
}

// nameFolded returns the tag name that is written in lower case.
func nameFolded(name string) tagName {
	switch name {
	case "script":
		return tagName{element: ScriptElement}
	case "style":
		return tagName{element: styleElement}
	case "title":
		return tagName{element: titleElement}
	case "textarea":
		return tagName{element: textareaElement}
	case "iframe":
		return tagName{element: iframeElement}
	case "noembed":
		return tagName{element: noembedElement}
	case "noframes":
		return tagName{element: noframesElement}
	case "xmp":
		return tagName{element: xmpElement}
	case "plaintext":
		return tagName{element: plaintextElement}
	case "link":
		return tagName{element: LinkElement}
	case "img":
		return tagName{ImgElement, breaksOut}
	case "source":
		return tagName{element: SourceElement}
	case "video":
		return tagName{element: VideoElement}
	case "audio":
		return tagName{element: AudioElement}
	case "track":
		return tagName{element: TrackElement}
	case "embed":
		return tagName{EmbedElement, breaksOut}
	case "object":
		return tagName{element: ObjectElement}
	case "image", "feimage":
		return tagName{element: ImageElement}
	case "use":
		return tagName{element: UseElement}
	case "input":
		return tagName{element: InputElement}
	case "base":
		return tagName{element: BaseElement}
	case "meta":
		return tagName{MetaElement, breaksOut}
	case "template":
		return tagName{element: templateElement}
	case "svg":
		return tagName{element: svgElement}
	case "math":
		return tagName{element: mathElement}
	case "foreignobject":
		return tagName{element: foreignObjectElement}
	case "desc":
		return tagName{element: descElement}
	case "annotation-xml":
		return tagName{element: annotationElement}
	case "mi", "mo", "mn", "ms", "mtext":
		return tagName{element: mathTextElement}
	case "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5",
		"h6", "head", "hr", "i", "li", "listing", "menu", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span",
		"strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var":
		return tagName{effect: breaksOut}
	case "article", "aside", "button", "details", "fieldset", "figure", "footer", "form", "header", "html", "label", "main",
		"nav", "section", "summary", "tbody", "td", "th", "tr":
		return tagName{effect: surrounds}
	}
	return tagName{}
}
