package stamp

// attribute is one of those that matter here. Start and end are where its value stands, without quotes.
type attribute struct {
	name       attributeName
	start, end int
	bare       bool // it has no value, and no equals sign
	// next is where another attribute can be put behind it.
	next int
}

type attributeName byte

const (
	otherAttribute attributeName = iota
	srcAttribute
	hrefAttribute
	xlinkAttribute
	dataAttribute
	posterAttribute
	srcsetAttribute
	imagesrcsetAttribute
	typeAttribute
	relAttribute
	asAttribute
	integrityAttribute
	encodingAttribute
	attributeNames // how many there are
)

// longestAttribute is the length of the longest name among them.
const longestAttribute = len("imagesrcset")

func attributeOf(name []byte) attributeName {
	if len(name) > longestAttribute {
		return otherAttribute
	}
	var folded [longestAttribute]byte
	for i, c := range name {
		folded[i] = lower(c)
	}
	switch string(folded[:len(name)]) {
	case "src":
		return srcAttribute
	case "href":
		return hrefAttribute
	case "xlink:href":
		return xlinkAttribute
	case "data":
		return dataAttribute
	case "poster":
		return posterAttribute
	case "srcset":
		return srcsetAttribute
	case "imagesrcset":
		return imagesrcsetAttribute
	case "type":
		return typeAttribute
	case "rel":
		return relAttribute
	case "as":
		return asAttribute
	case "integrity":
		return integrityAttribute
	case "encoding":
		return encodingAttribute
	}
	return otherAttribute
}

// attributes are those of one tag that matter, in their order. Of two with one name the first counts.
type attributes struct {
	list  [attributeNames]attribute
	count int
	seen  [attributeNames]bool
	// selfClosing: a slash ends the tag.
	selfClosing bool
}

func (a *attributes) find(name attributeName) (attribute, bool) {
	if a.count > 0 && a.seen[name] {
		for _, found := range a.list[:a.count] {
			if found.name == name {
				return found, true
			}
		}
	}
	return attribute{}, false
}

func (a *attributes) forget() {
	a.count, a.seen, a.selfClosing = 0, [attributeNames]bool{}, false
}

// read reads the attributes of the start tag that stands in data from i to end.
func (a *attributes) read(data []byte, i, end int) {
	a.forget()
	last := end - 1 // the ">"
	for i++; i < last && !isBlank(data[i]) && data[i] != '/'; i++ {
	}
	for {
		for i < last && (isBlank(data[i]) || data[i] == '/') {
			i++
		}
		if i >= last {
			a.selfClosing = data[last-1] == '/'
			return
		}
		i = a.readOne(data, i, last)
	}
}

// readOne reads the attribute whose name begins at i.
func (a *attributes) readOne(data []byte, i, last int) int {
	start := i
	for i++; i < last && !isBlank(data[i]) && data[i] != '/' && data[i] != '='; i++ {
	}
	found := attribute{name: attributeOf(data[start:i]), start: i, end: i, next: i, bare: true}
	after := i
	for after < last && isBlank(data[after]) {
		after++
	}
	if after < last && data[after] == '=' {
		found.readValue(data, after+1, last)
	}
	if found.name != otherAttribute && !a.seen[found.name] {
		a.seen[found.name] = true
		a.list[a.count] = found
		a.count++
	}
	return found.next
}

func (a *attribute) readValue(data []byte, i, last int) {
	for i < last && isBlank(data[i]) {
		i++
	}
	a.start, a.end, a.next, a.bare = i, i, i, false
	if i == last {
		return
	}
	if quote := data[i]; quote == '"' || quote == '\'' {
		a.start = i + 1
		for a.end = a.start; a.end < last && data[a.end] != quote; a.end++ {
		}
		a.next = a.end + 1
		return
	}
	for a.end < last && !isBlank(data[a.end]) {
		a.end++
	}
	a.next = a.end
}
