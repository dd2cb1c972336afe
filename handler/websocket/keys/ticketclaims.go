package keys

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ticketClaims are the claims that the gate reads.
type ticketClaims struct {
	routes                     jwt.ClaimStrings
	expires, notBefore, issued time.Time
	id, bound, user            string
}

// checkTicketHeader rejects a header that contradicts the algorithm of the signature, which is verified before.
func checkTicketHeader(part, algorithm string) error {
	members, err := readObject(part)
	if err != nil {
		return errTicketHeader
	}
	if _, critical := members["crit"]; critical {
		return errTicketCritical // a reader that supports no extension must reject the token (RFC 7515, 4.1.11)
	}
	var named string
	if readMember(members["alg"], &named) != nil || named != algorithm {
		return errTicketAlgorithm
	}
	return nil
}

func parseTicketClaims(part string) (claims ticketClaims, err error) {
	members, err := readObject(part)
	if err != nil {
		return claims, errTicketClaims
	}
	if errors.Join(
		readDate(members["exp"], &claims.expires),
		readDate(members["nbf"], &claims.notBefore),
		readDate(members["iat"], &claims.issued)) != nil {
		return claims, errTicketDate
	}
	if errors.Join(
		readMember(members["aud"], &claims.routes),
		readMember(members["jti"], &claims.id),
		readMember(members["bound"], &claims.bound),
		readUser(members["sub"], &claims.user)) != nil {
		return claims, errTicketText
	}
	switch {
	case claims.expires.IsZero():
		return claims, errTicketNoExpiry
	case len(claims.routes) == 0:
		return claims, errTicketNoRoute
	case len(claims.user) > MaxUserLength:
		return claims, errTicketUser
	}
	return claims, nil
}

var errNull = errors.New("null")

// readObject decodes one part of a ticket. It decodes into a map, which compares names byte for byte; a struct would accept EXP
// as exp.
func readObject(part string) (members map[string]json.RawMessage, err error) {
	text, err := strictBase64.DecodeString(part)
	if err != nil {
		return nil, err
	}
	if err = json.Unmarshal(text, &members); err == nil && members == nil {
		err = errNull
	}
	return members, err
}

// readMember leaves into unchanged if the member is absent. It rejects null, which json.Unmarshal ignores.
func readMember(member json.RawMessage, into any) error {
	switch string(member) {
	case "":
		return nil
	case "null":
		return errNull
	}
	return json.Unmarshal(member, into)
}

// readUser reads a sub. It is text (RFC 7519, 4.1.2), but applications write the number of a user too.
func readUser(member json.RawMessage, into *string) error {
	var number int64
	if len(member) > 0 && json.Unmarshal(member, &number) == nil && string(member) != "null" {
		*into = strconv.FormatInt(number, 10)
		return nil
	}
	return readMember(member, into)
}

// lastDate is the end of the year 9999. Later dates are mistakes, such as milliseconds.
const lastDate = 253402300799

var errDate = errors.New("date out of range")

// readDate reads seconds since 1970, with or without a fraction (RFC 7519, 2). jwt.NumericDate would drop the fraction and
// accept text.
func readDate(member json.RawMessage, into *time.Time) error {
	if len(member) == 0 {
		return nil
	}
	var seconds float64
	if err := readMember(member, &seconds); err != nil {
		return err
	}
	if math.Abs(seconds) > lastDate {
		return errDate
	}
	whole, fraction := math.Modf(seconds)
	*into = time.Unix(int64(whole), int64(fraction*1e9))
	return nil
}

// statusAt returns the status of the ticket on a route. As for keys, the route is checked before the time.
func (c *ticketClaims) statusAt(route string, now time.Time) (Status, error) {
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
