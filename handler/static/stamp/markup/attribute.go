package markup

import "github.com/scan2food/usher/handler/static/stamp/ascii"

// AttributeName names the attributes that matter for references.
type AttributeName byte

const (
	unnamedAttribute AttributeName = iota
	SrcAttribute
	HrefAttribute
	XlinkHrefAttribute
	DataAttribute
	PosterAttribute
	SrcsetAttribute
	ImagesrcsetAttribute
	TypeAttribute
	LanguageAttribute
	RelAttribute
	AsAttribute
	IntegrityAttribute
	CharsetAttribute
	ContentAttribute
	HTTPEquivAttribute
	encodingAttribute
	attributeCount
)

// longestAttribute is the length of the longest attribute name.
const longestAttribute = len("imagesrcset")

// attributeOf returns the name that an attribute has, in any case.
func attributeOf(name []byte) AttributeName {
	if len(name) > longestAttribute {
		return unnamedAttribute
	}
	var folded [longestAttribute]byte
	for i, c := range name {
		folded[i] = ascii.Lower(c)
	}
	switch string(folded[:len(name)]) {
	case "src":
		return SrcAttribute
	case "href":
		return HrefAttribute
	case "xlink:href":
		return XlinkHrefAttribute
	case "data":
		return DataAttribute
	case "poster":
		return PosterAttribute
	case "srcset":
		return SrcsetAttribute
	case "imagesrcset":
		return ImagesrcsetAttribute
	case "type":
		return TypeAttribute
	case "language":
		return LanguageAttribute
	case "rel":
		return RelAttribute
	case "as":
		return AsAttribute
	case "integrity":
		return IntegrityAttribute
	case "charset":
		return CharsetAttribute
	case "content":
		return ContentAttribute
	case "http-equiv":
		return HTTPEquivAttribute
	case "encoding":
		return encodingAttribute
	}
	return unnamedAttribute
}
