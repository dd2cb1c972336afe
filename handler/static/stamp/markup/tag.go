package markup

import "github.com/scan2food/usher/handler/static/stamp/ascii"

// Tag is a start tag. It is valid until the next call of [Scanner.Next].
type Tag struct {
	Element Element
	// InForeign is true if the element belongs to SVG or MathML.
	InForeign bool
	// InTemplate is true if a template element is open, or begins here.
	InTemplate bool

	data        []byte
	attributes  [attributeCount]Attribute
	count       int
	seen        [attributeCount]bool
	selfClosing bool // a slash precedes the ">"
	value       Value
}

// Attribute is an attribute of a tag. Its positions are offsets in the data that was given to [Scanner.Next].
type Attribute struct {
	Name AttributeName
	// Start and End enclose the value, without quotes.
	Start, End int
	// Bare is true if the attribute has no value and no equals sign.
	Bare bool
	// Next is the position after the attribute, where another can be inserted.
	Next int
}

// Attributes returns the attributes that [AttributeName] names, in their order. Only the first of two attributes with one name
// counts (HTML, 13.2.5.33).
func (t *Tag) Attributes() []Attribute { return t.attributes[:t.count] }

// Find returns the attribute with a name.
func (t *Tag) Find(name AttributeName) (Attribute, bool) {
	if t.seen[name] {
		for _, a := range t.Attributes() {
			if a.Name == name {
				return a, true
			}
		}
	}
	return Attribute{}, false
}

// Value decodes the value of an attribute. The result is valid until the next call of Value or Text. It is nil if the value is
// too long to be decoded, or has a NUL.
func (t *Tag) Value(a Attribute) *Value {
	if !t.value.decode(t.data[a.Start:a.End]) {
		return nil
	}
	return &t.value
}

// Text returns the decoded value of the attribute with a name, or nil. It is valid until the next call of Value or Text.
func (t *Tag) Text(name AttributeName) []byte {
	if a, ok := t.Find(name); ok {
		if value := t.Value(a); value != nil {
			return value.Text
		}
	}
	return nil
}

// isHTMLAnnotation reports whether the content of this annotation-xml element is HTML (HTML, 13.2.6).
func (t *Tag) isHTMLAnnotation() bool {
	encoding := t.Text(encodingAttribute)
	return ascii.EqualFold(encoding, "text/html") || ascii.EqualFold(encoding, "application/xhtml+xml")
}

func (t *Tag) reset(data []byte) {
	t.data, t.count, t.seen, t.selfClosing = data, 0, [attributeCount]bool{}, false
}

// read reads the attributes of the start tag in data from i to end.
func (t *Tag) read(i, end int) {
	data, last := t.data, end-1 // the ">"
	for i++; i < last && !ascii.IsSpace(data[i]) && data[i] != '/'; i++ {
	}
	for {
		for i < last && (ascii.IsSpace(data[i]) || data[i] == '/') {
			i++
		}
		if i >= last {
			t.selfClosing = data[last-1] == '/'
			return
		}
		i = t.readAttribute(i, last)
	}
}

// readAttribute reads the attribute whose name begins at i, and returns the position after it.
func (t *Tag) readAttribute(i, last int) int {
	data, start := t.data, i
	for i++; i < last && !ascii.IsSpace(data[i]) && data[i] != '/' && data[i] != '='; i++ {
	}
	a := Attribute{Name: attributeOf(data[start:i]), Start: i, End: i, Next: i, Bare: true}
	after := i
	for after < last && ascii.IsSpace(data[after]) {
		after++
	}
	if after < last && data[after] == '=' {
		a.readValue(data, after+1, last)
	}
	if a.Name != unnamedAttribute && !t.seen[a.Name] {
		t.seen[a.Name] = true
		t.attributes[t.count] = a
		t.count++
	}
	return a.Next
}

// readValue finds the value that begins at i, or after whitespace at i.
func (a *Attribute) readValue(data []byte, i, last int) {
	for i < last && ascii.IsSpace(data[i]) {
		i++
	}
	a.Start, a.End, a.Next, a.Bare = i, i, i, false
	if i == last {
		return
	}
	if quote := data[i]; quote == '"' || quote == '\'' {
		a.Start = i + 1
		for a.End = a.Start; a.End < last && data[a.End] != quote; a.End++ {
		}
		a.Next = a.End + 1
		return
	}
	for a.End < last && !ascii.IsSpace(data[a.End]) {
		a.End++
	}
	a.Next = a.End
}
