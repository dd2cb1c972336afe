package gate

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/dunglas/httpsfv"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Header fields in which an application speaks to the gate. Clients neither see nor send them.
const (
	closeHeader = "Usher-Close"
	userHeader  = "Usher-User"
)

// CloseCause says why the site closed sockets.
type CloseCause string

// The causes. All but CauseCookie are the members of Usher-Close.
const (
	CauseCookie  CloseCause = "cookie" // a response deleted the session cookie, or changed it for a strict route
	CauseSession CloseCause = "session"
	CauseUser    CloseCause = "user"
	CauseRoute   CloseCause = "route"
	CauseKey     CloseCause = "key"
)

// codeEnded and reasonEnded are the default close code and reason.
const (
	codeEnded   sockets.Code = 4401
	reasonEnded              = "session ended"
)

// siteClose is one member of Usher-Close.
type siteClose struct {
	cause  CloseCause
	values []string // users, routes or labels of keys
	code   sockets.Code
	reason string
}

// maxCloseField limits one line of Usher-Close, in bytes.
const maxCloseField = 16 << 10

// ErrCloseCode is the error of an Usher-Close of which only the code is invalid. Its sockets are closed with 4401.
var ErrCloseCode = errors.New("code: want 4400 to 4499")

var errCloseField = errors.New("want session, user, route or key, as in: user=\"42\";code=4403;reason=\"banned\"")

// parseClose parses one line of Usher-Close, a dictionary (RFC 9651, 3.2). It returns what can be carried out even if other members
// are invalid. Errors do not repeat the field.
func parseClose(line string) (closes []siteClose, err error) {
	if len(line) > maxCloseField {
		return nil, fmt.Errorf("want at most %d bytes, got %d", maxCloseField, len(line))
	}
	dictionary, parseErr := httpsfv.UnmarshalDictionary([]string{line})
	if parseErr != nil {
		return nil, errCloseField
	}
	for _, name := range dictionary.Names() {
		member, _ := dictionary.Get(name)
		one, memberErr := readClose(name, member)
		switch {
		case err == nil:
			err = memberErr
		case memberErr != nil && memberErr != err:
			err = errors.Join(err, memberErr)
		}
		if one != nil {
			closes = append(closes, *one)
		}
	}
	return closes, err
}

func readClose(name string, member httpsfv.Member) (*siteClose, error) {
	c := &siteClose{cause: CloseCause(name), code: codeEnded, reason: reasonEnded}
	var params *httpsfv.Params
	switch member := member.(type) {
	case httpsfv.Item:
		params = member.Params
		if on, isFlag := member.Value.(bool); isFlag {
			if c.cause != CauseSession {
				return nil, errCloseField
			}
			if !on {
				return nil, nil
			}
			break
		}
		c.values = append(c.values, textOf(member.Value))
	case httpsfv.InnerList:
		params = member.Params
		for _, item := range member.Items {
			c.values = append(c.values, textOf(item.Value))
		}
	}
	switch c.cause {
	case CauseSession:
		if c.values != nil {
			return nil, errCloseField
		}
	case CauseUser, CauseRoute, CauseKey:
		for _, value := range c.values {
			if value == "" {
				return nil, errCloseField
			}
		}
	default:
		return nil, errCloseField
	}
	return c, c.readParams(params)
}

// readParams reads code and reason. After an error the sockets are still closed, with code 4401: the application has ended
// their access.
func (c *siteClose) readParams(params *httpsfv.Params) error {
	if params == nil {
		return nil
	}
	if value, found := params.Get("reason"); found {
		c.reason = textOf(value)
	}
	value, found := params.Get("code")
	if !found {
		return nil
	}
	code, ok := value.(int64)
	if !ok || code < 4400 || code > 4499 {
		return ErrCloseCode
	}
	c.code = sockets.Code(code)
	return nil
}

// textOf returns the text of a bare item that names something: a string, a token or an integer.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case httpsfv.Token:
		return string(value)
	case httpsfv.DisplayString:
		return string(value)
	case int64:
		return strconv.FormatInt(value, 10)
	default:
		return ""
	}
}

// maxUser limits Usher-User, in bytes: the longest sub of a ticket.
const maxUser = 255

var errUser = errors.New(`Usher-User: want one string of at most 255 bytes, as in "42"`)

// parseUser parses Usher-User, an item (RFC 9651, 3.3).
func parseUser(lines []string) (string, error) {
	item, err := httpsfv.UnmarshalItem(lines)
	if err != nil {
		return "", errUser
	}
	user := textOf(item.Value)
	if user == "" || len(user) > maxUser {
		return "", errUser
	}
	return user, nil
}
