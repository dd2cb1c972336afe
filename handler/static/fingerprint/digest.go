package fingerprint

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/zeebo/xxh3"
	//lint:ignore SA1019 webpack's default hash: here it tells builds apart, and protects nothing
	"golang.org/x/crypto/md4"
)

// digest is a function of the bytes, in the alphabet in which a tool writes it.
type digest int

const (
	sha256Hex digest = iota
	sha256Base36
	sha256Base64URL
	sprocketsHex
	sha384Hex
	sha512Hex
	sha384Base64
	sha512Base64
	sha1Hex
	md5Hex
	md4Hex
	xxh64Hex
	xxh64Base32
	bunBase32
	xxh3Hex
	xxh3Base36
	xxh3Base64
	xxh128Hex
	xxh128Base64URL
	parcelHex
	digests
)

var compute = [digests]func(*Content) []string{
	sha256Hex:       func(c *Content) []string { return one(hex.EncodeToString(c.sha256[:])) },
	sha256Base36:    func(c *Content) []string { return one(endpointFingerprint(c.sha256[:9])) },
	sha256Base64URL: func(c *Content) []string { return one(base64.RawURLEncoding.EncodeToString(c.sha256[:])) },
	sprocketsHex:    func(c *Content) []string { return one(sprocketsSum(c.sha256)) },
	sha384Hex:       func(c *Content) []string { sum := sha512.Sum384(c.bytes); return one(hex.EncodeToString(sum[:])) },
	sha512Hex:       func(c *Content) []string { sum := sha512.Sum512(c.bytes); return one(hex.EncodeToString(sum[:])) },
	sha384Base64: func(c *Content) []string {
		sum := sha512.Sum384(c.bytes)
		return one(base64.StdEncoding.EncodeToString(sum[:]))
	},
	sha512Base64: func(c *Content) []string {
		sum := sha512.Sum512(c.bytes)
		return one(base64.StdEncoding.EncodeToString(sum[:]))
	},
	sha1Hex:     func(c *Content) []string { return railsSums(c.bytes) },
	md5Hex:      func(c *Content) []string { sum := md5.Sum(c.bytes); return one(hex.EncodeToString(sum[:])) },
	md4Hex:      func(c *Content) []string { return one(md4Sum(c.bytes)) },
	xxh64Hex:    func(c *Content) []string { return one(hex.EncodeToString(xxh64Sum(c.bytes))) },
	xxh64Base32: func(c *Content) []string { return one(base32.StdEncoding.EncodeToString(xxh64Sum(c.bytes))[:13]) },
	bunBase32:   func(c *Content) []string { return one(bunSum(c.bytes)) },
	xxh3Hex:     func(c *Content) []string { return one(hex.EncodeToString(xxh3Sum(c.bytes))) },
	xxh3Base36:  func(c *Content) []string { return one(inBase(xxh3Sum(c.bytes), rollupBase36)) },
	xxh3Base64:  func(c *Content) []string { return one(inBase(xxh3Sum(c.bytes), base64URL)) },
	xxh128Hex:   func(c *Content) []string { return one(hex.EncodeToString(xxh128Sum(c.bytes))) },
	parcelHex:   func(c *Content) []string { return one(parcelSum(c.bytes)) },
	xxh128Base64URL: func(c *Content) []string {
		return one(base64.RawURLEncoding.EncodeToString(xxh128Sum(c.bytes)))
	},
}

const (
	base36       = "0123456789abcdefghijklmnopqrstuvwxyz"
	rollupBase36 = "abcdefghijklmnopqrstuvwxyz0123456789"
	bunAlphabet  = "0123456789abcdefghjkmnpqrstvwxyz"
	base64URL    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// IsSHA256 reports a token that is the beginning of a SHA-256 in hex, and long enough to be evidence.
func IsSHA256(token string, sum [sha256.Size]byte) bool {
	if len(token) < minHex || len(token) > hex.EncodedLen(len(sum)) {
		return false
	}
	var whole [2 * sha256.Size]byte
	hex.Encode(whole[:], sum[:])
	return string(whole[:len(token)]) == token
}

func one(token string) []string { return []string{token} }

func md4Sum(content []byte) string {
	sum := md4.New()
	_, _ = sum.Write(content)
	return hex.EncodeToString(sum.Sum(nil))
}

func xxh64Sum(content []byte) []byte {
	return binary.BigEndian.AppendUint64(nil, xxhash.Sum64(content))
}

// sprocketsSum is Sprockets 4's with the version that Rails' generated file gives it: the digest of both. Sprockets 3, and
// 4 without a version, write the SHA-256 itself.
func sprocketsSum(sum [sha256.Size]byte) string {
	versioned := sha256.Sum256(append([]byte("1.0"), sum[:]...))
	return hex.EncodeToString(versioned[:])
}

// bunSum is Bun's for what it copies: the length goes before the bytes, and of each byte of the sum the low five bits
// make a digit.
func bunSum(content []byte) string {
	sum := xxhash.New()
	_, _ = sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(content))))
	_, _ = sum.Write(content)
	digits := binary.LittleEndian.AppendUint64(nil, sum.Sum64())
	for i, b := range digits {
		digits[i] = bunAlphabet[b&31]
	}
	return string(digits)
}

// railsSums are the SHA-1 of the bytes with what Propshaft appends: nothing in its first releases, then
// config.assets.version, which is "1" by default and "1.0" in the file that Rails generates.
func railsSums(content []byte) []string {
	sum := sha1.New()
	var tokens []string
	for _, more := range [][]byte{content, []byte("1"), []byte(".0")} {
		_, _ = sum.Write(more)
		tokens = append(tokens, hex.EncodeToString(sum.Sum(nil)))
	}
	return tokens
}

// xxh3Sum is the 128-bit XXH3 in the byte order in which Rollup and Rolldown take it.
func xxh3Sum(content []byte) []byte {
	sum := xxh3.Hash128(content)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, sum.Lo), sum.Hi)
}

// xxh128Sum is the same in the canonical byte order, in which PHP has it.
func xxh128Sum(content []byte) []byte {
	sum := xxh3.Hash128(content).Bytes()
	return sum[:]
}

// parcelSum is Parcel's: the last half of the 64-bit XXH3. It is of the bytes unless they name files that bear one, such as
// their own source map.
func parcelSum(content []byte) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(xxh3.Hash(content))))
}

// inBase writes the bytes as one large number, most significant digit first, as Rollup does.
func inBase(sum []byte, alphabet string) string {
	digits := digitsOf(new(big.Int).SetBytes(sum), alphabet, 0)
	slices.Reverse(digits)
	return string(digits)
}

// endpointFingerprint is ASP.NET's: nine bytes as a signed little-endian number, without its sign, the ten least
// significant digits first.
func endpointFingerprint(sum []byte) string {
	bytes := slices.Clone(sum)
	slices.Reverse(bytes)
	number := new(big.Int).SetBytes(bytes)
	if bytes[0] >= 0x80 {
		number.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*len(bytes))), number)
	}
	return string(digitsOf(number, base36, endpointLength))
}

// endpointLength is how many digits ASP.NET takes.
const endpointLength = 10

// digitsOf yields the digits of a number, least significant first, and at least so many.
func digitsOf(number *big.Int, alphabet string, least int) []byte {
	var digits []byte
	base, digit := big.NewInt(int64(len(alphabet))), new(big.Int)
	for number.Sign() > 0 || len(digits) < least {
		number.DivMod(number, base, digit)
		digits = append(digits, alphabet[digit.Int64()])
	}
	if least > 0 {
		return digits[:least]
	}
	return digits
}
