// A site with a login (Passport) and a WebSocket that belongs to the session (express-session). No line of it closes a socket:
// usher sees the response to the logout.
import { timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import express from "express";
import session from "express-session";
import passport from "passport";
import { Strategy } from "passport-local";
import { WebSocketServer } from "ws";

const { SESSION_SECRET, PASSWORD, PORT = "3000" } = process.env;
if (!SESSION_SECRET || !PASSWORD) {
  throw new Error("set SESSION_SECRET and PASSWORD");
}

// Two users with one password stand for the site's own users.
const users = ["anna", "ben"];
const isPassword = (text) => {
  const [given, wanted] = [Buffer.from(text), Buffer.from(PASSWORD)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
};
passport.use(new Strategy((name, password, done) => done(null, users.includes(name) && isPassword(password) && { name })));
passport.serializeUser((user, done) => done(null, user.name));
passport.deserializeUser((name, done) => done(null, { name }));

const sessions = session({
  secret: SESSION_SECRET, resave: false, saveUninitialized: false, cookie: { httpOnly: true, sameSite: "lax", secure: "auto" },
});
const app = express();
app.set("trust proxy", "loopback");
app.use(sessions, passport.initialize(), passport.session(), express.urlencoded({ extended: false }));

app.get("/", (request, response) => response.send(request.user ? page(request.user.name) : login));
app.post("/login", passport.authenticate("local", { successRedirect: "/", failureRedirect: "/" }));
app.post("/logout", (request, response, next) => {
  // Passport gives the browser a new session here, and does not delete the cookie. So the route in the Caddyfile is strict.
  request.logout((error) => (error ? next(error) : response.redirect("/")));
});

const login = `<!DOCTYPE html><title>Login</title>
<form method="post" action="/login"><input name="username" value="anna"><input name="password" type="password"><button>Log in</button></form>`;

const page = (name) => `<!DOCTYPE html><title>Chat</title>
<p>${name}: <span id="state">connecting</span></p>
<form method="post" action="/logout"><button>Log out</button></form>
<script>
  const state = document.getElementById("state");
  const socket = new WebSocket("/ws/");
  socket.onmessage = (event) => { state.textContent = event.data; };
  socket.onclose = (event) => { state.textContent = event.reason || "closed with " + event.code; };
</script>`;

// The application decides whether the session is good. usher asks it with each handshake.
const server = createServer(app);
const sockets = new WebSocketServer({ noServer: true });
server.on("upgrade", (request, socket, head) => {
  sessions(request, {}, () => {
    const name = request.session?.passport?.user;
    if (!name) {
      socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on("error", () => client.terminate());
      client.on("message", (data) => client.send(`${name}: ${data}`));
      client.send(`hello ${name}`);
    });
  });
});
server.listen(Number(PORT), "127.0.0.1");
