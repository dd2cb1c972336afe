"""WebSocket tickets issued by the application (PyJWT, Debian: python3-jwt).

The gate verifies tickets with the same secret (`ticket { secret {env.TICKET_SECRET} }`). Use this if the application decides which
users get a ticket. Otherwise `issue_on` in the Caddyfile is enough.
"""

import secrets
import time

import jwt

COOKIE = "__Host-usher"
LIFETIME = 600  # seconds; an open socket stays open after its ticket expires


def mint(routes, secret, lifetime=LIFETIME):
    """Returns a ticket for the named routes, valid for the lifetime."""
    claims = {
        "aud": list(routes),
        "exp": int(time.time()) + lifetime,
        "jti": secrets.token_urlsafe(16),  # unique: required by `once` in the gate
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def give(response, routes, secret, lifetime=LIFETIME):
    """Sets the ticket cookie on a Django response. The browser sends it with the handshake; scripts cannot read it."""
    response.set_cookie(
        COOKIE, mint(routes, secret, lifetime),
        max_age=lifetime, path="/", secure=True, httponly=True, samesite="Strict",
    )
    response["Cache-Control"] = "private, no-cache"
    return response
