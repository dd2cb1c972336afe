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
	//lint:ignore SA1019 webpack's default hash: it identifies builds here, and protects nothing
	"golang.org/x/crypto/md4"
)

// digest is a hash function together with the alphabet in which a tool writes the hash.
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
	digestCount
)

var compute = [digestCount]func(*Content) []string{
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

// IsSHA256 reports whether a token is a prefix of a SHA-256 in hex that is long enough to be evidence.
func IsSHA256(token string, sum [sha256.Size]byte) bool {
	if len(token) < minHex || len(token) > hex.EncodedLen(len(sum)) {
		return false
	}
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:len(token)]) == token
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

// sprocketsSum returns the digest of Sprockets 4 with the asset version of Rails' generated configuration. Sprockets 3, and
// Sprockets 4 without an asset version, write the SHA-256 itself.
func sprocketsSum(sum [sha256.Size]byte) string {
	versioned := sha256.Sum256(append([]byte("1.0"), sum[:]...))
	return hex.EncodeToString(versioned[:])
}

// bunSum returns the digest that Bun gives to copied files. The length precedes the content, and the low five bits of each byte
// of the sum make a digit.
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

// railsSums returns the digests of Propshaft: the SHA-1 of the content and config.assets.version. The first releases append no
// version. The default version is "1", and Rails generates a configuration with "1.0".
func railsSums(content []byte) []string {
	sum := sha1.New()
	var tokens []string
	for _, more := range [][]byte{content, []byte("1"), []byte(".0")} {
		_, _ = sum.Write(more)
		tokens = append(tokens, hex.EncodeToString(sum.Sum(nil)))
	}
	return tokens
}

// xxh3Sum returns the 128-bit XXH3 in the byte order of Rollup and Rolldown.
func xxh3Sum(content []byte) []byte {
	sum := xxh3.Hash128(content)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, sum.Lo), sum.Hi)
}

// xxh128Sum returns the 128-bit XXH3 in the canonical byte order, as PHP does.
func xxh128Sum(content []byte) []byte {
	sum := xxh3.Hash128(content).Bytes()
	return sum[:]
}

// parcelSum returns the digest of Parcel: the last half of the 64-bit XXH3. It proves only files that name no other hashed
// files, such as their source map.
func parcelSum(content []byte) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(xxh3.Hash(content))))
}

// inBase writes a sum as one large number, most significant digit first, as Rollup does.
func inBase(sum []byte, alphabet string) string {
	digits := digitsOf(new(big.Int).SetBytes(sum), alphabet, 0)
	slices.Reverse(digits)
	return string(digits)
}

// endpointFingerprint returns the digest of ASP.NET: nine bytes as a signed little-endian number without its sign, of which the ten
// least significant digits are written, least significant first.
func endpointFingerprint(sum []byte) string {
	bytes := slices.Clone(sum)
	slices.Reverse(bytes)
	number := new(big.Int).SetBytes(bytes)
	if bytes[0] >= 0x80 {
		number.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*len(bytes))), number)
	}
	return string(digitsOf(number, base36, endpointLength))
}

// endpointLength is the number of digits in an ASP.NET digest.
const endpointLength = 10

// digitsOf returns the digits of a number, least significant first. If length is not 0, it returns exactly that many digits.
func digitsOf(number *big.Int, alphabet string, length int) []byte {
	var digits []byte
	base, digit := big.NewInt(int64(len(alphabet))), new(big.Int)
	for number.Sign() > 0 || len(digits) < length {
		number.DivMod(number, base, digit)
		digits = append(digits, alphabet[digit.Int64()])
	}
	if length > 0 {
		return digits[:length]
	}
	return digits
}
