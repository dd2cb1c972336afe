package stamp

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// integrity is the change of an element's integrity attribute.
type integrity struct {
	value          string
	replaces, adds bool
	path           []byte // of the file
	verdict        verdict
}

// integrityOf returns the change for an element with a src or href attribute. An attribute is added only if the URL names no
// host. A URL that names a host may be of another origin, where a script with integrity needs crossorigin and a CORS response.
func (p *PageWriter) integrityOf(tag *markup.Tag, resource resource) integrity {
	if p.rewriter.Integrity == nil || !resource.hasIntegrity {
		return integrity{}
	}
	source, ok := tag.Find(markup.SrcAttribute)
	if !ok {
		source, ok = tag.Find(markup.HrefAttribute)
	}
	if !ok {
		return integrity{}
	}
	value := tag.Value(source)
	if value == nil {
		return integrity{}
	}
	ref, ok := p.rewriter.resolve(value.Text, p.base, &p.memory)
	if !ok {
		return integrity{}
	}
	namesHost := p.base.namesHost || len(bytes.TrimLeft(value.Text[:ref.pathStart], whitespace)) > 0
	_, has := tag.Find(markup.IntegrityAttribute)
	path, present := string(ref.path), string(ascii.TrimSpace(tag.Text(markup.IntegrityAttribute)))
	wanted, ok := p.rewriter.Integrity(path, present)
	if !ok || wanted == present || !isHash(wanted) {
		return integrity{}
	}
	verdict := p.verdictOf([]byte(path), resource)
	if verdict == keepPlain {
		return integrity{} // the attribute speaks of the file on disk
	}
	return integrity{value: wanted, replaces: has, adds: !has && !namesHost, path: []byte(path), verdict: verdict}
}

// replaceIntegrity replaces the value of an integrity attribute.
func (p *PageWriter) replaceIntegrity(a markup.Attribute, data []byte, i integrity) {
	if a.Bare {
		i.value = `="` + i.value + `"`
	}
	p.applyIntegrity(data, edit{a.Start, a.End, []byte(i.value)}, i)
}

// applyIntegrity applies an edit of an integrity attribute with the version of its file.
func (p *PageWriter) applyIntegrity(data []byte, e edit, i integrity) {
	if i.verdict == undecided {
		p.applyOptional(data, e, i.path)
		return
	}
	p.apply(data, e)
}

// Pins reports whether content matches the value of an integrity attribute: one of the hashes with the strongest algorithm
// must match. A value without a known hash matches no content here, although browsers accept any (Subresource Integrity, 3.3.4).
func Pins(integrity string, content []byte) bool {
	strongest, matches := 0, false
	for _, hash := range strings.Fields(integrity) {
		hash, _, _ = strings.Cut(hash, "?")
		algorithm, digest, _ := strings.Cut(hash, "-")
		strength, sum := sumOf(algorithm, content)
		if strength == 0 || strength < strongest {
			continue
		}
		if strength > strongest {
			strongest, matches = strength, false
		}
		digest = strings.NewReplacer("-", "+", "_", "/").Replace(digest)
		matches = matches || strings.TrimRight(digest, "=") == base64.RawStdEncoding.EncodeToString(sum)
	}
	return matches
}

// sumOf returns the digest of content and the rank of the algorithm. Strength is 0 for an algorithm that browsers do not know.
func sumOf(algorithm string, content []byte) (strength int, sum []byte) {
	switch strings.ToLower(algorithm) {
	case "sha256":
		sum := sha256.Sum256(content)
		return 1, sum[:]
	case "sha384":
		sum := sha512.Sum384(content)
		return 2, sum[:]
	case "sha512":
		sum := sha512.Sum512(content)
		return 3, sum[:]
	}
	return 0, nil
}

// isHash reports whether a value is a single hash, which needs no quotes in HTML.
func isHash(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case ascii.IsLetter(c), ascii.IsDigit(c), c == '-', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return value != ""
}
