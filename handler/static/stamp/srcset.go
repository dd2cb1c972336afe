package stamp

import (
	"github.com/scan2food/usher/handler/static/stamp/ascii"
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// stampSrcset stamps the URLs of a srcset (HTML, 4.8.4.2.1).
func (p *PageWriter) stampSrcset(tag *markup.Tag, a markup.Attribute, resource resource, data []byte) {
	value := tag.Value(a)
	if value == nil {
		return
	}
	forEachCandidate(value.Text, func(start, end int) { p.stampURL(value, start, end, a, resource, data) })
}

// forEachCandidate calls do with the bounds of each URL of a srcset.
func forEachCandidate(text []byte, do func(start, end int)) {
	for i := 0; i < len(text); {
		if ascii.IsSpace(text[i]) || text[i] == ',' {
			i++
			continue
		}
		start := i
		for i < len(text) && !ascii.IsSpace(text[i]) {
			i++
		}
		end := i
		for end > start && text[end-1] == ',' {
			end--
		}
		do(start, end)
		if end == i {
			i = skipDescriptors(text, i)
		}
	}
}

// skipDescriptors returns the position of the comma after the descriptors of an image candidate.
func skipDescriptors(text []byte, i int) int {
	parentheses := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '(':
			parentheses++
		case ')':
			parentheses = max(parentheses-1, 0)
		case ',':
			if parentheses == 0 {
				return i
			}
		}
	}
	return i
}
