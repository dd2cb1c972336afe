package websocketgate

import (
	"errors"
	"regexp"
	"strings"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// resolveSecret replaces placeholders. What resolves to nothing is an error: an unset variable must not become the key.
// So is what was meant as a placeholder and is none: everybody who knows the name of the variable would have the key.
func resolveSecret(secret string) (string, error) {
	if missedPlaceholder.MatchString(secret) {
		return "", errors.New("want a placeholder such as {env.NAME} or {file./run/secrets/name}, got what looks like one and is none")
	}
	return lifecycle.Resolve(secret)
}

// missedPlaceholder is a placeholder without its braces, with one of them, or in the words of a shell.
var missedPlaceholder = regexp.MustCompile(`^(env\.|file\.|\$[A-Z_][A-Z0-9_]*$|\$?\{[^{}]*$)`)

func isLiteral(secret string) bool { return !strings.Contains(secret, "{") }
