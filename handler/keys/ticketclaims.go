package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// ticketClaims is what a ticket says, as far as we ask.
type ticketClaims struct {
	routes                     []string
	expires, notBefore, issued time.Time
	id, bound                  string
}

// checkTicketHeader looks at what a header may not say. The algorithm has been used already: what is left is that a
// ticket must not call itself something else.
func checkTicketHeader(part, algorithm string) error {
	header, err := ticketMembers(part)
	if err != nil {
		return errTicketHeader
	}
	if _, critical := header["crit"]; critical {
		return errTicketCritical // RFC 7515, 4.1.11: who understands none of them must refuse
	}
	if named, ok := jsonText(header["alg"]); !ok || named != algorithm {
		return errTicketAlgorithm
	}
	return nil
}

func parseTicketClaims(part string) (claims ticketClaims, err error) {
	members, err := ticketMembers(part)
	if err != nil {
		return claims, errTicketClaims
	}
	for name, value := range members {
		ok := true
		switch name {
		case "exp":
			claims.expires, err = jsonDate(value)
		case "nbf":
			claims.notBefore, err = jsonDate(value)
		case "iat":
			claims.issued, err = jsonDate(value)
		case "aud":
			claims.routes, ok = jsonTexts(value)
		case "jti":
			claims.id, ok = jsonText(value)
		case "bound":
			claims.bound, ok = jsonText(value)
		}
		if err != nil {
			return claims, err
		}
		if !ok {
			return claims, errTicketText
		}
	}
	switch {
	case claims.expires.IsZero():
		return claims, errTicketNoExpiry
	case len(claims.routes) == 0:
		return claims, errTicketNoRoute
	}
	return claims, nil
}

// at says what a ticket is worth on a route. Another route comes first, as with keys.
func (c *ticketClaims) at(route string, now time.Time) (Status, error) {
	latest := now.Add(TicketLeeway)
	switch {
	case !slices.Contains(c.routes, route):
		return OtherRoute, errTicketRoute
	case !now.Before(c.expires):
		return Expired, errTicketEnded
	case c.notBefore.After(latest), c.issued.After(latest):
		return Expired, errTicketNotYet
	default:
		return Good, nil
	}
}

var errNoObject = errors.New("want a JSON object without duplicates")

// ticketMembers reads the members of a JSON object. A name that stands there twice is refused, since every reader takes
// another of the two (RFC 7519, 4); names are compared as they are, which encoding/json does not do for a struct.
func ticketMembers(part string) (map[string]json.RawMessage, error) {
	text, err := strictBase64.DecodeString(part)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil, errNoObject
	}
	members := make(map[string]json.RawMessage, 8)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		text, isText := name.(string)
		if _, twice := members[text]; twice || !isText {
			return nil, errNoObject
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		members[text] = value
	}
	if closing, err := decoder.Token(); err != nil || closing != json.Delim('}') {
		return nil, errNoObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return members, nil
}

func jsonText(value json.RawMessage) (text string, ok bool) {
	if len(value) == 0 || value[0] != '"' { // null is no text
		return "", false
	}
	return text, json.Unmarshal(value, &text) == nil
}

// jsonTexts reads one text or a list of them.
func jsonTexts(value json.RawMessage) ([]string, bool) {
	if text, ok := jsonText(value); ok {
		return []string{text}, true
	}
	var values []json.RawMessage
	if json.Unmarshal(value, &values) != nil {
		return nil, false
	}
	texts := make([]string, len(values))
	for i := range values {
		var ok bool
		if texts[i], ok = jsonText(values[i]); !ok {
			return nil, false
		}
	}
	return texts, true
}

// lastDate is the end of the year 9999. Later ones are mistakes, such as milliseconds, and the greatest overflow.
const lastDate = 253402300799

// jsonDate reads seconds since 1970, with or without a fraction (RFC 7519, 2).
func jsonDate(value json.RawMessage) (time.Time, error) {
	seconds, err := strconv.ParseFloat(string(value), 64) // takes more than a JSON number, but value is JSON
	if err != nil || math.Abs(seconds) > lastDate {
		return time.Time{}, errTicketDate
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}
