package fingerprint

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// Proof is a token that is a digest of the content. The zero value is no proof.
type Proof struct {
	// Convention names the digest: sha256 (usher, Vite 2 to 4, hashfs, Sprockets, django-compressor, Hugo), sha384 and
	// sha512 (Hugo), sha256-base64 (Eleventy), sha256-base36 (ASP.NET), md5 (Django, Laravel Mix, Phoenix, gulp-rev,
	// webassets), md4 and xxhash64 (webpack, and with xxhash64 Rspack and Rsbuild), sha1 (Propshaft), xxhash64-base32
	// (esbuild), xxhash64-bun (Bun), xxh3 (Rollup, Rolldown, Vite since 5, and Parcel), and xxh128 (Symfony).
	Convention string
	// Token is the digest as written in the URL.
	Token string
}

// conventions are the ways in which tools write a digest, the cheapest first. A token is a prefix of the digest. A token shorter than
// least is no proof; the whole digest has the length most. Conventions whose usual length matches are tried first, since the other
// digests are slower than reading the file.
var conventions = []struct {
	name        string
	digest      digest
	shape       func(token string) bool
	least, most int
	usual       int // 0: no usual length
}{
	{"sha256", sha256Hex, isHex, minHex, 64, 64},
	{"sha256", sprocketsHex, isHex, 64, 64, 64},
	{"sha256-base36", sha256Base36, isBase36, endpointLength, endpointLength, endpointLength},
	{"sha256-base64", sha256Base64URL, isBase64URL, 8, 43, 10},
	{"xxh128", xxh128Base64URL, isBase64URL, 7, 7, 7}, // Symfony 7.2
	{"xxh128", xxh128Hex, isHex, 32, 32, 0},
	{"xxh3", xxh3Base64, isBase64URL, 8, 22, 0},
	{"xxh3", xxh3Base36, isBase36, 8, 25, 0},
	{"xxh3", xxh3Hex, isHex, minHex, 32, 0},
	{"xxh3", parcelHex, isHex, 8, 8, 8},
	{"xxhash64-base32", xxh64Base32, isBase32, 8, 13, 8},
	{"xxhash64-bun", bunBase32, isBunBase32, 8, 8, 8},
	{"xxhash64", xxh64Hex, isHex, minHex, 16, 16},
	{"sha1", sha1Hex, isHex, minHex, 40, 40},
	{"md5", md5Hex, isHex, minHex, 32, 12}, // Django
	{"md4", md4Hex, isHex, minHex, 32, 20}, // webpack
	{"sha384", sha384Hex, isHex, 96, 96, 96},
	{"sha512", sha512Hex, isHex, 128, 128, 128},
}

const (
	minHex   = 8
	maxToken = 128
)

// ProveToken compares a version in a query with the digests of the content.
func (c *Content) ProveToken(token string) (Proof, bool) {
	if proof, ok := c.proveToken(token, true); ok {
		return proof, true
	}
	return c.proveToken(token, false)
}

// proveToken tries the conventions whose usual length is that of the token, or the other conventions.
func (c *Content) proveToken(token string, usual bool) (Proof, bool) {
	for i := range conventions {
		convention := &conventions[i]
		if (len(token) == convention.usual) != usual || len(token) < convention.least || len(token) > convention.most ||
			!convention.shape(token) {
			continue
		}
		for _, sum := range c.sum(convention.digest) {
			if strings.HasPrefix(sum, token) {
				return Proof{convention.name, token}, true
			}
		}
	}
	return Proof{}, false
}

// ProveName looks for a digest of the content in a file name. Build tools put it before the extension, after a dot, a hyphen or an
// underscore, or use it as the whole name.
func (c *Content) ProveName(name string) (Proof, bool) {
	for token := range nameTokens(name) {
		if proof, ok := c.ProveToken(token); ok {
			return proof, true
		}
		if proof, ok := c.proveWithoutItself(token); ok {
			return proof, true
		}
	}
	return Proof{}, false
}

// proveWithoutItself proves a name of webpack. A webpack script with a source map contains its own name, and its digest is that of
// the content without the token.
func (c *Content) proveWithoutItself(token string) (Proof, bool) {
	if len(token) < minHex || !isHex(token) || !bytes.Contains(c.bytes, []byte(token)) {
		return Proof{}, false
	}
	rest := bytes.ReplaceAll(c.bytes, []byte(token), nil)
	switch {
	case strings.HasPrefix(md4Sum(rest), token):
		return Proof{"md4", token}, true
	case strings.HasPrefix(hex.EncodeToString(xxh64Sum(rest)), token):
		return Proof{"xxhash64", token}, true
	default:
		return Proof{}, false
	}
}

// Contradicts reports whether a name in Django's form (name.<12 hex>.ext) holds the digest of other content: the upload is partial,
// or the file was edited in place. The result is meaningful only for names that a Django manifest lists.
func (c *Content) Contradicts(name string) bool {
	token, ok := djangoToken(name)
	if !ok {
		return false
	}
	_, proved := c.ProveToken(token)
	return !proved
}
