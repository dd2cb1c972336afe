package gate

import "github.com/scan2food/usher/handler/websocket/keys"

// FoundKey is a key that stands in a text.
type FoundKey struct{ Route, Label string }

// FindKeys returns the keys of the gate that stand in a text such as a script, a page or a log line, each once. It finds a
// key as it is, escaped for a URL, and in base64.
func (g *Gate) FindKeys(text string) []FoundKey {
	var found []FoundKey
	known := make(map[FoundKey]bool)
	eachDecoding(text, func(decoded string) bool {
		g.Ring().Find(decoded, func(match keys.Match) {
			key := FoundKey{match.Route, match.Label}
			if !known[key] {
				known[key] = true
				found = append(found, key)
			}
		})
		return true
	})
	return found
}
