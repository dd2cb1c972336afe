"""Tickets for WebSockets that this application mints itself (PyJWT, Debian: python3-jwt).

The gate holds the same secret (`ticket { secret {env.TICKET_SECRET} }`) and verifies them at the door; the application
decides, where it knows its user, who gets one. With `issue_on` in the Caddyfile none of this is needed.
"""

import secrets
import time

import jwt

COOKIE = "__Host-usher"
LIFETIME = 600  # seconds; a socket outlives its ticket


def mint(routes, secret, lifetime=LIFETIME):
    """A ticket that opens the routes of these names, until it ends."""
    claims = {
        "aud": list(routes),
        "exp": int(time.time()) + lifetime,
        "jti": secrets.token_urlsafe(16),  # tells it from others: needed where the gate says `once`
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def give(response, routes, secret, lifetime=LIFETIME):
    """Puts a ticket on a Django response: the browser presents it at the handshake, and no script can read it."""
    response.set_cookie(
        COOKIE, mint(routes, secret, lifetime),
        max_age=lifetime, path="/", secure=True, httponly=True, samesite="Strict",
    )
    response["Cache-Control"] = "private, no-cache"
    return response
