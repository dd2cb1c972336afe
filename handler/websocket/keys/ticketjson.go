package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"time"
)

const jsonBlanks = " \t\r\n"

var errNoObject = errors.New("want a JSON object without duplicates")

// jsonMember is one of an object: its name as text, its value as JSON.
type jsonMember struct{ name, value []byte }

// jsonMembers reads an object. A name that stands there twice is refused, since every reader takes another of the two
// (RFC 7519, 4), and names are compared as they are. Encoding/json does neither for a struct, and its tokens, which tell
// both, take three times as long as all the rest of a ticket.
func jsonMembers(text []byte) ([]jsonMember, error) {
	text = bytes.Trim(text, jsonBlanks)
	if !json.Valid(text) || text[0] != '{' {
		return nil, errNoObject
	}
	members := make([]jsonMember, 0, 8)
	rest := text[1 : len(text)-1]
	for {
		var quoted, value []byte
		quoted, rest = cutJSON(rest)
		value, rest = cutJSON(rest)
		if len(value) == 0 {
			return members, nil
		}
		name, _ := jsonText(quoted)
		for i := range members {
			if bytes.Equal(members[i].name, name) {
				return nil, errNoObject
			}
		}
		members = append(members, jsonMember{name, value})
	}
}

// cutJSON cuts the first value off the inside of an object or a list that is valid; there is none if it is empty.
func cutJSON(text []byte) (value, rest []byte) {
	text = bytes.TrimLeft(text, ",:"+jsonBlanks)
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		ends := false // with this byte
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			ends = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
			ends = true
		case depth == 0 && bytes.IndexByte([]byte(",:"+jsonBlanks), c) >= 0:
			return text[:i], text[i:]
		}
		if ends && depth == 0 {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// jsonText reads a string of valid JSON.
func jsonText(value []byte) ([]byte, bool) {
	switch {
	case value[0] != '"': // null is no text
		return nil, false
	case bytes.IndexByte(value, '\\') < 0:
		return value[1 : len(value)-1], true
	}
	var text string
	err := json.Unmarshal(value, &text)
	return []byte(text), err == nil
}

// jsonTexts reads one text or a list of them.
func jsonTexts(value []byte) (texts [][]byte, ok bool) {
	if text, ok := jsonText(value); ok {
		return [][]byte{text}, true
	}
	if value[0] != '[' {
		return nil, false
	}
	for element, rest := cutJSON(value[1 : len(value)-1]); len(element) > 0; element, rest = cutJSON(rest) {
		text, ok := jsonText(element)
		if !ok {
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// lastDate is the end of the year 9999. Later ones are mistakes, such as milliseconds, and the greatest overflow.
const lastDate = 253402300799

// jsonDate reads seconds since 1970, with or without a fraction (RFC 7519, 2).
func jsonDate(value []byte) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(string(value), 64) // takes more than a JSON number, but value is JSON
	if err != nil || math.Abs(seconds) > lastDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}
