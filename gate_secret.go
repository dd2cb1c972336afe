package usher

import (
	"errors"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// resolveSecret replaces placeholders. What resolves to nothing is an error: an unset variable must not become the key.
// So is what was meant as a placeholder and is none: everybody who knows the name of the variable would have the key.
func resolveSecret(secret string) (string, error) {
	if missedPlaceholder.MatchString(secret) {
		return "", errors.New("want a placeholder such as {env.NAME} or {file./run/secrets/name}, got what looks like one and is none")
	}
	return resolvePlaceholders(secret)
}

// missedPlaceholder is a placeholder without its braces, with one of them, or in the words of a shell.
var missedPlaceholder = regexp.MustCompile(`^(env\.|file\.|\$[A-Z_][A-Z0-9_]*$|\$?\{[^{}]*$)`)

func resolvePlaceholders(text string) (string, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return "", err
	}
	if resolved == "" {
		return "", errors.New("want a value, got nothing")
	}
	return resolved, nil
}

func isLiteral(secret string) bool { return !strings.Contains(secret, "{") }
