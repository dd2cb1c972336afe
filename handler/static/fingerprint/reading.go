package fingerprint

import (
	"path"
	"strings"
)

// reading is the state while a manifest is read. It holds the facts that need all entries of the manifest.
type reading struct {
	tokens    map[string]string // by output
	outputs   map[string]string // by token: one of its outputs
	shared    map[string]bool   // the tokens of several outputs
	forms     map[form]bool     // the forms of the tokens of this build
	undecided []undecided
}

// undecided is an output whose name may or may not contain a version.
type undecided struct {
	path   string
	output Output
}

// form is the position and the length of a token in a name. All names of one build have the same few forms.
type form struct {
	separator byte // before the token; 0: the token begins the name
	length    int
}

func newReading() *reading {
	return &reading{
		tokens: make(map[string]string), outputs: make(map[string]string), shared: make(map[string]bool), forms: make(map[form]bool),
	}
}

// record records the token of an output, and the form of the token.
func (r *reading) record(token, output string) {
	if other, known := r.outputs[token]; known && other != output {
		r.shared[token] = true
	}
	r.outputs[token], r.tokens[output] = output, token
	base := path.Base(output)
	switch at := strings.LastIndex(base, token); {
	case at == 0:
		r.forms[form{0, len(token)}] = true
	case at > 0:
		r.forms[form{base[at-1], len(token)}] = true
	}
}

// tokenOf returns the token of this form before the extension of an output.
func (f form) tokenOf(output string) (string, bool) {
	stem := strings.TrimSuffix(path.Base(output), path.Ext(output))
	at := len(stem) - f.length
	if path.Ext(output) == "" || at < 0 || (at == 0) != (f.separator == 0) || at > 0 && stem[at-1] != f.separator {
		return "", false
	}
	return stem[at:], true
}

// maxForms bounds the forms of one build. Undecided outputs of a manifest with more forms are left out.
const maxForms = 16

// addSimilar adds undecided outputs whose names have a token in the form of the build's other tokens.
func (m *Manifest) addSimilar() {
	forms := m.reading.forms
	if len(forms) > maxForms {
		return
	}
	for _, u := range m.reading.undecided {
		for f := range forms {
			if token, ok := f.tokenOf(u.path); ok && looksLikeDigest(token) {
				m.addVersioned(u.path, token, u.output)
			}
		}
	}
}

// markShared marks the outputs that share a token. The token identifies the build, as a commit or webpack's fullhash does: a rebuild
// may change the content without changing the token. A chunkhash, shared by a script and its stylesheet, looks the same. Versions in
// queries are removed, unless the format can compare them with the content.
func (m *Manifest) markShared() {
	for path, token := range m.reading.tokens {
		if !m.reading.shared[token] {
			continue
		}
		if output, listed := m.Outputs[path]; listed {
			output.sharesToken = true
			m.Outputs[path] = output
		}
		if m.format.contradicts == nil {
			delete(m.Versions, path)
		}
	}
}
