package stamp

import (
	"bytes"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// integrity is an integrity attribute that is added to an element.
type integrity struct {
	value   string // "" for none
	path    []byte // of the file
	verdict verdict
}

// integrityOf returns the attribute for an element with a src or href attribute that has none. An attribute is added only if the URL
// names no host. A URL that names a host may be of another origin, where a script with integrity needs crossorigin and a CORS
// response.
func (p *PageWriter) integrityOf(tag *markup.Tag, resource resource) integrity {
	if _, has := tag.Find(markup.IntegrityAttribute); has || p.rewriter.Integrity == nil || !resource.hasIntegrity || p.base.namesHost {
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
	if !ok || len(bytes.TrimLeft(value.Text[:ref.pathStart], whitespace)) > 0 {
		return integrity{}
	}
	path := string(ref.path)
	wanted, ok := p.rewriter.Integrity(path)
	if !ok || !isHash(wanted) {
		return integrity{}
	}
	verdict := p.verdictOf([]byte(path), resource)
	if verdict == keepPlain {
		return integrity{} // the plain URL serves the file on disk
	}
	return integrity{value: wanted, path: []byte(path), verdict: verdict}
}

// addIntegrity adds an integrity attribute at a position, with the version of its file.
func (p *PageWriter) addIntegrity(data []byte, at int, i integrity) {
	e := edit{at, at, []byte(` integrity="` + i.value + `"`)}
	if i.verdict == undecided {
		p.applyOptional(data, e, i.path)
		return
	}
	p.apply(data, e)
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
