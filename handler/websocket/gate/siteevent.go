package gate

import (
	"slices"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// SiteEvent is what a response of the site says about its sockets. All machines of the site carry it out. It holds no value of a
// session.
type SiteEvent struct {
	Cause CloseCause `json:"cause"`
	// Values are users, routes or labels of keys, whose sockets end.
	Values []string `json:"values,omitempty"`
	// Sessions are the sessions of the request.
	Sessions []sockets.Session `json:"sessions,omitempty"`
	// Changes are what becomes of these sessions. None: their sockets end.
	Changes []SessionChange `json:"changes,omitempty"`
	// Code and Reason of the Close frames.
	Code   sockets.Code `json:"code"`
	Reason string       `json:"reason"`
}

// SessionChange is what one Set-Cookie does to the session of the sockets whose handshake carried the cookie.
type SessionChange struct {
	// Session is the session of the new value. Zero: the session ends.
	Session sockets.Session `json:"session,omitzero"`
	// Domain, Host and Path select the sockets, as in cookieChange.
	Domain string `json:"domain,omitempty"`
	Host   string `json:"host"`
	Path   string `json:"path"`
}

func (g *Gate) sessionChange(cookie string, c cookieChange) SessionChange {
	change := SessionChange{Domain: c.domain, Host: c.host, Path: c.path}
	if c.value != "" {
		change.Session = g.config.SessionKey.session(cookie, c.value)
	}
	return change
}

func (c *SessionChange) ends() bool { return c.Session == sockets.Session{} }

func (c *SessionChange) matches(info *sockets.Info) bool {
	change := cookieChange{domain: c.Domain, host: c.Host, path: c.Path}
	return info.Bond != nil && change.matches(info.Bond)
}

// mayClose reports whether the event has an effect on any machine. Many frameworks set the cookie again with the same value.
func (e *SiteEvent) mayClose() bool {
	if e.Cause != CauseCookie {
		return len(e.Values) > 0 || len(e.Sessions) > 0
	}
	return slices.ContainsFunc(e.Changes, func(c SessionChange) bool {
		return slices.ContainsFunc(e.Sessions, func(old sockets.Session) bool { return old != c.Session })
	})
}

// Apply carries out an event of this site, whichever machine it comes from.
func (g *Gate) Apply(e *SiteEvent) {
	closed := 0
	switch e.Cause {
	case CauseCookie, CauseSession:
		if g.config.Publish != nil {
			g.recent.add(e, g.config.Now())
		}
		for _, session := range e.Sessions {
			closed += g.changeSession(e, session, maxReplays)
		}
	default:
		closed = g.config.Registry.CloseWhere(func(info sockets.Info) bool {
			return g.owns(&info) && slices.Contains(e.Values, e.nameIn(&info))
		}, e.Code, e.Reason)
	}
	if closed > 0 && g.config.SiteClosed != nil {
		g.config.SiteClosed(e.Cause, closed)
	}
}

// maxReplays is how many later changes of a session are carried out when an earlier one arrives after them.
const maxReplays = 32

// changeSession carries out what an event says about one session.
func (g *Gate) changeSession(e *SiteEvent, old sockets.Session, replays int) (closed int) {
	registry := g.config.Registry
	if e.Cause == CauseSession {
		return registry.EndSession(old, g.owns, e.Code, e.Reason)
	}
	renewed := func(info *sockets.Info) bool {
		return slices.ContainsFunc(e.Changes, func(c SessionChange) bool { return !c.ends() && c.matches(info) })
	}
	for i := range e.Changes {
		c := &e.Changes[i]
		if c.ends() {
			ended := func(info *sockets.Info) bool { return c.matches(info) && !renewed(info) }
			closed += registry.EndSession(old, ended, e.Code, e.Reason)
			continue
		}
		closed += registry.RenewSession(old, c.Session, c.matches, e.Code, e.Reason)
		if g.config.Publish == nil || old == c.Session || replays == 0 {
			continue
		}
		if later := g.recent.of(c.Session); later != nil {
			closed += g.changeSession(later, c.Session, replays-1)
		}
	}
	return closed
}

// nameIn returns the part of a socket that the values name. It is empty for a cause that names none.
func (e *SiteEvent) nameIn(info *sockets.Info) string {
	switch e.Cause {
	case CauseUser:
		return info.User
	case CauseRoute:
		return info.Route
	case CauseKey:
		return info.Key
	default:
		return ""
	}
}

// owns reports whether the socket belongs to the site of the gate.
func (g *Gate) owns(info *sockets.Info) bool {
	if g.config.Owns != nil {
		return g.config.Owns(info)
	}
	return info.Site == g.config.Site
}
