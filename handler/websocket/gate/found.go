package gate

import (
	"strings"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// FoundKey is a key that stands in a text.
type FoundKey struct{ Route, Label string }

// maxFoundLength is the longest key that is looked for in a text: each candidate is hashed.
const maxFoundLength = 256

// FindKeys looks for the keys of the gate in a text, such as a script or a page. Keys are known by their digests alone: a
// key is found where it stands between quotes, white space or the delimiters of a URL, as it is or escaped for a URL.
func (g *Gate) FindKeys(text string) []FoundKey {
	var found []FoundKey
	known := make(map[FoundKey]bool)
	look := func(candidate string) {
		if len(candidate) < keys.MinSecretLength || len(candidate) > maxFoundLength {
			return
		}
		for _, route := range g.config.Routes {
			verdict := g.Ring().Check(route.Name, candidate, g.config.Now())
			if verdict.Status == keys.Unknown {
				return // to every route
			}
			key := FoundKey{route.Name, verdict.Label}
			if verdict.Status != keys.OtherRoute && !known[key] {
				known[key] = true
				found = append(found, key)
			}
		}
	}
	for word := range strings.FieldsFuncSeq(text, endsWord) {
		if len(word) >= keys.MinSecretLength {
			eachPart(word, look)
		}
	}
	return found
}

func endsWord(c rune) bool {
	return c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == 0x7f
}

// delimiters may end a key in a URL, a list or an assignment; they may as well be a part of it.
const delimiters = "=&?#;,:.(){}[]\\"

// maxParts bounds the work on minified scripts, whose words are long.
const maxParts = 64

// eachPart visits a word and its parts: from behind each delimiter to the next one, and to the end.
func eachPart(word string, visit func(string)) {
	plainAndDecoded := func(part string) {
		visit(part)
		if decoded := decode(part); decoded != part {
			visit(decoded)
		}
	}
	plainAndDecoded(word)
	for range maxParts {
		end := strings.IndexAny(word, delimiters)
		if end < 0 {
			return
		}
		plainAndDecoded(word[:end])
		// base64 ends in = or ==
		for padded := end; padded < len(word) && word[padded] == '=' && padded < end+2; padded++ {
			visit(word[:padded+1])
		}
		word = word[end+1:]
		plainAndDecoded(word)
	}
}
