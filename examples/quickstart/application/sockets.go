package application

import (
	"crypto/rand"
	"fmt"
	random "math/rand/v2"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// sessionCookie is the cookie that the Caddyfile names in the route chat.
const sessionCookie = "quickstart_session"

func (a *application) signIn(w http.ResponseWriter, r *http.Request) {
	if !a.isSignedIn(r) {
		session := rand.Text()
		a.mutex.Lock()
		a.sessions[session] = true
		a.mutex.Unlock()
		http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
	w.WriteHeader(http.StatusNoContent)
}

// signOut ends the session and deletes its cookie. usher sees that, and closes the sockets of the session.
func (a *application) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		a.mutex.Lock()
		delete(a.sessions, cookie.Value)
		a.mutex.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
	w.WriteHeader(http.StatusNoContent)
}

func (a *application) isSignedIn(r *http.Request) bool {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.sessions[cookie.Value]
}

// chat checks the session: usher requires the cookie, the application knows which sessions are good.
func (a *application) chat(w http.ResponseWriter, r *http.Request) {
	if !a.isSignedIn(r) {
		http.Error(w, "the session is over", http.StatusForbidden)
		return
	}
	sendEvents(w, r, line)
}

// event is a message of a socket.
type event struct {
	Kind string `json:"kind"`
	Seat string `json:"seat,omitempty"`
	Text string `json:"text"`
}

// sendEvents accepts a handshake and sends events until the client disconnects. usher has checked the handshake, its origin included.
func sendEvents(w http.ResponseWriter, r *http.Request, next func() event) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	ctx := conn.CloseRead(r.Context())
	for wsjson.Write(ctx, conn, next()) == nil && pause(ctx, time.Second+random.N(1500*time.Millisecond)) {
	}
}

var (
	dishes = []string{"popcorn, salted", "popcorn, sweet", "nachos with cheese", "lemonade", "iced tea", "hot dog", "masala chai"}
	lines  = []string{"Screen 2 is full.", "Nachos are running low.", "Interval in five minutes.", "Runner to row F, please."}
)

func order() event {
	return event{Kind: "order", Seat: seat(), Text: fmt.Sprintf("%d × %s", 1+random.IntN(3), dishes[random.IntN(len(dishes))])}
}

func payment() event { return event{Kind: "payment", Seat: seat(), Text: "paid by card"} }

func line() event { return event{Kind: "chat", Text: lines[random.IntN(len(lines))]} }

func seat() string { return fmt.Sprintf("%c%d", 'A'+random.IntN(12), 1+random.IntN(24)) }
