package statuspage

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"strings"
)

//go:embed page.html
var page []byte

// contentPolicy allows the style and the script of the page, and requests to the page's own origin. Nothing else is loaded.
var contentPolicy = strings.Join([]string{
	"default-src 'none'", "style-src " + hashOf("style"), "script-src " + hashOf("script"), "connect-src 'self'",
	"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
}, "; ")

// hashOf returns the source expression of the page's one element of a name.
func hashOf(element string) string {
	_, rest, _ := bytes.Cut(page, []byte("<"+element+">"))
	content, _, _ := bytes.Cut(rest, []byte("</"+element+">"))
	sum := sha256.Sum256(content)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
