package keys

import (
	"time"
)

// ticketClaims is what a ticket says, as far as we ask.
type ticketClaims struct {
	routes                     [][]byte
	expires, notBefore, issued time.Time
	id, bound                  []byte
}

// checkTicketHeader looks at what a header may not say. The algorithm has been used already: what is left is that a
// ticket must not call itself something else.
func checkTicketHeader(part, algorithm string) error {
	members, err := ticketMembers(part)
	if err != nil {
		return errTicketHeader
	}
	named := false
	for _, member := range members {
		switch string(member.name) {
		case "crit":
			return errTicketCritical // RFC 7515, 4.1.11: who understands none of them must refuse
		case "alg":
			name, ok := jsonText(member.value)
			named = ok && string(name) == algorithm
		}
	}
	if !named {
		return errTicketAlgorithm
	}
	return nil
}

func parseTicketClaims(part string) (claims ticketClaims, err error) {
	members, err := ticketMembers(part)
	if err != nil {
		return claims, errTicketClaims
	}
	for _, member := range members {
		if err := claims.take(member); err != nil {
			return claims, err
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

func ticketMembers(part string) ([]jsonMember, error) {
	text, err := strictBase64.DecodeString(part)
	if err != nil {
		return nil, err
	}
	return jsonMembers(text)
}

func (c *ticketClaims) take(member jsonMember) error {
	isDate, isText := true, true
	switch string(member.name) {
	case "exp":
		c.expires, isDate = jsonDate(member.value)
	case "nbf":
		c.notBefore, isDate = jsonDate(member.value)
	case "iat":
		c.issued, isDate = jsonDate(member.value)
	case "aud":
		c.routes, isText = jsonTexts(member.value)
	case "jti":
		c.id, isText = jsonText(member.value)
	case "bound":
		c.bound, isText = jsonText(member.value)
	}
	switch {
	case !isDate:
		return errTicketDate
	case !isText:
		return errTicketText
	}
	return nil
}

// at says what a ticket is worth on a route. Another route comes first, as with keys.
func (c *ticketClaims) at(route string, now time.Time) (Status, error) {
	latest := now.Add(TicketLeeway)
	switch {
	case !c.names(route):
		return OtherRoute, errTicketRoute
	case !now.Before(c.expires):
		return Expired, errTicketEnded
	case c.notBefore.After(latest), c.issued.After(latest):
		return Expired, errTicketNotYet
	default:
		return Good, nil
	}
}

func (c *ticketClaims) names(route string) bool {
	for _, name := range c.routes {
		if string(name) == route {
			return true
		}
	}
	return false
}
