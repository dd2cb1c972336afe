package stamp

// element is one of those that matter here, and what it does in svg and math.
type element byte

const (
	otherElement element = iota
	scriptElement
	styleElement
	titleElement
	textareaElement
	iframeElement
	noembedElement
	noframesElement
	xmpElement
	plaintextElement
	linkElement
	imgElement
	sourceElement
	videoElement
	audioElement
	trackElement
	embedElement
	objectElement
	imageElement
	useElement
	inputElement
	baseElement
	templateElement
	svgElement
	mathElement
	foreignObjectElement
	descElement
	annotationElement
	mathTextElement

	// breaksOut: where it begins or ends in svg or math, these are over (HTML, 13.2.6.5).
	breaksOut element = 0x80
	// surrounds: where it ends, svg and math that stand in it are over.
	surrounds element = 0x40
	itself            = ^(breaksOut | surrounds)
)

// rawNames are the elements whose content is no markup, up to the end tag of that name.
var rawNames = [...]string{
	scriptElement: "script", styleElement: "style", titleElement: "title", textareaElement: "textarea",
	iframeElement: "iframe", noembedElement: "noembed", noframesElement: "noframes", xmpElement: "xmp",
}

// longestElement is the length of the longest name that elementNamed knows.
const longestElement = len("annotation-xml")

// elementOf reads the name at the beginning of a tag, behind "<" or "</".
func elementOf(tag []byte) element {
	var folded [longestElement]byte
	for i, c := range tag {
		if isBlank(c) || c == '/' || c == '>' {
			return elementNamed(string(folded[:i]))
		}
		if i == longestElement {
			break
		}
		folded[i] = lower(c)
	}
	return otherElement
}

// elementNamed knows a name in lower case. Noscript is not among those whose content is no markup: it is for browsers
// without scripts, which read it.
func elementNamed(name string) element {
	switch name {
	case "script":
		return scriptElement
	case "style":
		return styleElement
	case "title":
		return titleElement
	case "textarea":
		return textareaElement
	case "iframe":
		return iframeElement
	case "noembed":
		return noembedElement
	case "noframes":
		return noframesElement
	case "xmp":
		return xmpElement
	case "plaintext":
		return plaintextElement
	case "link":
		return linkElement
	case "img":
		return imgElement | breaksOut
	case "source":
		return sourceElement
	case "video":
		return videoElement
	case "audio":
		return audioElement
	case "track":
		return trackElement
	case "embed":
		return embedElement | breaksOut
	case "object":
		return objectElement
	case "image", "feimage":
		return imageElement
	case "use":
		return useElement
	case "input":
		return inputElement
	case "base":
		return baseElement
	case "template":
		return templateElement
	case "svg":
		return svgElement
	case "math":
		return mathElement
	case "foreignobject":
		return foreignObjectElement
	case "desc":
		return descElement
	case "annotation-xml":
		return annotationElement
	case "mi", "mo", "mn", "ms", "mtext":
		return mathTextElement
	case "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4",
		"h5", "h6", "head", "hr", "i", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span",
		"strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var":
		return breaksOut
	case "article", "aside", "button", "details", "fieldset", "figure", "footer", "form", "header", "html", "label", "main",
		"nav", "section", "summary", "tbody", "td", "th", "tr":
		return surrounds
	}
	return otherElement
}
