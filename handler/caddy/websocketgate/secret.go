package websocketgate

import (
	"errors"
	"regexp"
	"strings"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// resolveSecret replaces placeholders. An empty result is an error. So is a malformed placeholder: its text, the name of a
// variable, would become the key.
func resolveSecret(secret string) (string, error) {
	if malformedPlaceholder.MatchString(secret) {
		return "", errors.New("malformed placeholder: write {env.NAME} or {file./run/secrets/name}")
	}
	return lifecycle.Resolve(secret)
}

// malformedPlaceholder matches placeholders without a brace and variables in shell notation.
var malformedPlaceholder = regexp.MustCompile(`^(env\.|file\.|\$[A-Z_][A-Z0-9_]*$|\$?\{[^{}]*$)`)

// isLiteral reports a secret without a placeholder.
func isLiteral(secret string) bool { return !strings.Contains(secret, "{") }
