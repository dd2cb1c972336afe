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
	metaElement
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

// longestElement is the length of the longest name in the table.
const longestElement = len("annotation-xml")

// elementOf reads the name at the beginning of a tag, behind "<" or "</".
func elementOf(tag []byte) element {
	var folded [longestElement]byte
	for i, c := range tag {
		if isBlank(c) || c == '/' || c == '>' {
			return elements[string(folded[:i])]
		}
		if i == longestElement {
			break
		}
		folded[i] = lower(c)
	}
	return otherElement
}

// elements: noscript is not among those whose content is no markup. It is for browsers without scripts, which read it.
var elements = func() map[string]element {
	table := map[string]element{
		"script": scriptElement, "style": styleElement, "title": titleElement, "textarea": textareaElement,
		"iframe": iframeElement, "noembed": noembedElement, "noframes": noframesElement, "xmp": xmpElement,
		"plaintext": plaintextElement, "link": linkElement, "img": imgElement | breaksOut, "source": sourceElement,
		"video": videoElement, "audio": audioElement, "track": trackElement, "embed": embedElement | breaksOut,
		"object": objectElement, "image": imageElement, "feimage": imageElement, "use": useElement, "input": inputElement,
		"base": baseElement, "meta": metaElement | breaksOut, "template": templateElement, "svg": svgElement,
		"math": mathElement, "foreignobject": foreignObjectElement, "desc": descElement,
		"annotation-xml": annotationElement, "mi": mathTextElement, "mo": mathTextElement, "mn": mathTextElement,
		"ms": mathTextElement, "mtext": mathTextElement,
	}
	for _, name := range []string{
		"b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4",
		"h5", "h6", "head", "hr", "i", "li", "listing", "menu", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span",
		"strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var",
	} {
		table[name] = breaksOut
	}
	for _, name := range []string{
		"article", "aside", "button", "details", "fieldset", "figure", "footer", "form", "header", "html", "label", "main",
		"nav", "section", "summary", "tbody", "td", "th", "tr",
	} {
		table[name] = surrounds
	}
	return table
}()
