package gate

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// RouteSession binds the sockets of a route to the session of the site. Whether the session is good stays the application's
// decision about the handshake.
type RouteSession struct {
	// Cookie is the name of the cookie that holds the session.
	Cookie string
	// Strict closes a socket when its session gets another value. Default: the socket follows the session.
	Strict bool
}

// minSession is the least length of a session's value, in letters and digits. Applications write shorter values, such as
// "deleted", for no session.
const minSession = 16

// SessionKey turns the values of sessions into [sockets.Session]. The values themselves are kept nowhere.
type SessionKey struct{ current atomic.Pointer[macs] }

// macs computes under one key.
type macs struct {
	key  [32]byte
	pool sync.Pool
}

// NewSessionKey draws a key.
func NewSessionKey(random io.Reader) (*SessionKey, error) {
	var key [32]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, fmt.Errorf("drawing the key of sessions: %w", err)
	}
	k := new(SessionKey)
	k.Replace(key)
	return k, nil
}

// Replace sets the key. It returns false if it is the key already. With another key, the sessions of open sockets are unknown: the
// caller must close these sockets.
func (k *SessionKey) Replace(key [32]byte) bool {
	if old := k.current.Load(); old != nil && old.key == key {
		return false
	}
	k.current.Store(&macs{key, sync.Pool{New: func() any { return &sessionMAC{hash: hmac.New(sha256.New, key[:])} }}})
	return true
}

// String shows nothing.
func (*SessionKey) String() string { return "session key" }

// GoString is String.
func (k *SessionKey) GoString() string { return k.String() }

type sessionMAC struct {
	hash   hash.Hash
	buffer []byte
}

// session returns the session of a value in its plain form. The name of a cookie holds no zero byte.
func (k *SessionKey) session(cookie, plain string) (session sockets.Session) {
	macs := k.current.Load()
	mac := macs.pool.Get().(*sessionMAC)
	mac.hash.Reset()
	mac.buffer = append(append(append(mac.buffer[:0], cookie...), 0), plain...)
	mac.hash.Write(mac.buffer)
	clear(mac.buffer)
	mac.buffer = mac.hash.Sum(mac.buffer[:0])
	copy(session[:], mac.buffer)
	macs.pool.Put(mac)
	return session
}

// plainValue returns the letters and digits of a cookie's value, in lower case, with escapes decoded. Frameworks accept one
// session in several spellings: in quotes, with percent escapes, with a backslash and an octal number. All of them have one
// plain form. It returns false for a value with control characters or beyond ASCII, which databases may fold further.
func plainValue(value string) (string, bool) {
	for range maxDecodings {
		decoded := unescape(unescapeOctal(value))
		if decoded == value {
			break
		}
		value = decoded
	}
	plain := true
	for i := range len(value) {
		c := value[i]
		if c < ' ' || c > '~' {
			return "", false
		}
		plain = plain && isPlain(c)
	}
	if plain {
		return value, true
	}
	letters := make([]byte, 0, len(value))
	for i := range len(value) {
		switch c := value[i]; {
		case isPlain(c):
			letters = append(letters, c)
		case 'A' <= c && c <= 'Z':
			letters = append(letters, c|0x20)
		}
	}
	return string(letters), true
}

func isPlain(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// unescapeOctal decodes a backslash and three octal digits, as Python does in quoted cookies.
func unescapeOctal(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) && isOctal(text[i+1], '3') && isOctal(text[i+2], '7') && isOctal(text[i+3], '7') {
			decoded = append(decoded, (text[i+1]-'0')<<6|(text[i+2]-'0')<<3|(text[i+3]-'0'))
			i += 3
			continue
		}
		decoded = append(decoded, text[i])
	}
	return string(decoded)
}

func isOctal(c, highest byte) bool { return '0' <= c && c <= highest }

var (
	errSessionShort   = errors.New("the session cookie has fewer than 16 letters and digits")
	errSessionForeign = errors.New("the session cookie has characters beyond ASCII")
	errSessionTwice   = errors.New("two session cookies with different values")
)

// readSession returns the plain value of the session cookie in a handshake. The value is "" without an error if there is no such
// cookie. Parsers of applications also split cookies at commas and blanks, and decode their names. If one of these may read
// another value than the gate does, the error is errSessionTwice: the socket would outlive its session.
func readSession(lines []string, cookie string) (plain string, err error) {
	found, same := false, sameSession(cookie)
	add := func(value string) {
		read, ok := plainValue(value)
		switch {
		case !ok:
			err = cmp.Or(err, errSessionForeign)
		case !found:
			plain, found = read, true
		case read != plain:
			err = errSessionTwice
		}
	}
	cookies(lines, func(name, value string) {
		if name == cookie {
			add(value)
		}
	})
	if !found {
		return "", err
	}
	for _, line := range lines {
		for pair := range strings.FieldsFuncSeq(line, func(c rune) bool { return strings.ContainsRune(";, \t", c) }) {
			if name, value, isPair := strings.Cut(pair, "="); isPair && same(name) {
				add(value)
			}
		}
	}
	switch {
	case err != nil:
		return "", err
	case len(plain) < minSession:
		return "", errSessionShort
	}
	return plain, nil
}

// sameSession returns a function that reports names which an application may take for the name of the cookie.
func sameSession(cookie string) func(name string) bool {
	plain, _ := plainValue(cookie)
	return func(name string) bool {
		if len(name) < len(plain) {
			return false
		}
		read, ok := plainValue(name)
		return ok && read == plain
	}
}

// decideSession requires the session cookie of the route.
func (g *Gate) decideSession(r *http.Request, d *Decision) {
	session := d.Route.Session
	plain, err := readSession(r.Header["Cookie"], session.Cookie)
	switch {
	case errors.Is(err, errSessionTwice):
		d.Outcome, d.Detail = KeyAmbiguous, err.Error()
	case err != nil:
		d.Outcome, d.Detail = SessionMissing, err.Error()
	case plain == "":
		d.Outcome = SessionMissing
	default:
		d.session = g.config.SessionKey.session(session.Cookie, plain)
	}
}

// bondOf returns the bond of a socket, nil for a route without a session.
func (g *Gate) bondOf(r *http.Request, d *Decision, redactor *Redactor) *sockets.Bond {
	session := d.Route.Session
	if session == nil {
		return nil
	}
	return &sockets.Bond{
		Session: d.session, Cookie: session.Cookie, Strict: session.Strict,
		Host: ofSocket(redactor.Text(g.cookieHost(r))),
		Path: ofSocket(redactor.Path(g.config.OriginalPath(r))),
	}
}

// cookieHost is the host of the request as browsers compare it with the domain of a cookie: without a port, in lower case.
func (g *Gate) cookieHost(r *http.Request) string {
	_, host := g.config.External(r)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// addSession validates the session of a route, and adds its cookie to those of the gate.
func (g *Gate) addSession(route *Route) error {
	if route.Session == nil {
		return nil
	}
	if g.config.SessionKey == nil || g.config.OriginalPath == nil {
		return &RouteError{route, errors.New("a session needs a key and the original path")}
	}
	if !slices.Contains(g.sessions, route.Session.Cookie) {
		g.sessions = append(g.sessions, route.Session.Cookie)
	}
	return nil
}
