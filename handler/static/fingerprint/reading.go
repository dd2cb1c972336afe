package fingerprint

import (
	"path"
	"strings"
)

// reading is what a manifest is known to say as a whole while it is read.
type reading struct {
	tokens    map[string]string // by output
	bearer    map[string]string // by token: an output
	shared    map[string]bool   // by token: borne by several outputs
	forms     map[form]bool     // in which this build writes its tokens
	undecided []undecided
}

// undecided is an output whose name may carry a version, or may be a name.
type undecided struct {
	path   string
	output Output
}

// form is where a build puts its tokens, and how long they are: one build names its files alike.
type form struct {
	separator byte // before the token; 0: the name begins with it
	length    int
}

func newReading() *reading {
	return &reading{
		tokens: make(map[string]string), bearer: make(map[string]string), shared: make(map[string]bool), forms: make(map[form]bool),
	}
}

// note remembers which output a token stands for, and its form.
func (r *reading) note(token, output string) {
	if other, known := r.bearer[token]; known && other != output {
		r.shared[token] = true
	}
	r.bearer[token], r.tokens[output] = output, token
	base := path.Base(output)
	switch at := strings.LastIndex(base, token); {
	case at == 0:
		r.forms[form{0, len(token)}] = true
	case at > 0:
		r.forms[form{base[at-1], len(token)}] = true
	}
}

// tokenOf is what ends the name before the extension, in this form.
func (f form) tokenOf(output string) (string, bool) {
	stem := strings.TrimSuffix(path.Base(output), path.Ext(output))
	at := len(stem) - f.length
	if path.Ext(output) == "" || at < 0 || (at == 0) != (f.separator == 0) || at > 0 && stem[at-1] != f.separator {
		return "", false
	}
	return stem[at:], true
}

// maxForms is in how many forms one build may write its tokens. A manifest with more is no help with what is undecided.
const maxForms = 16

// takeAlike takes what was undecided where its name ends as others of the build do that carry a version.
func (m *Manifest) takeAlike() {
	forms := m.reading.forms
	if len(forms) > maxForms {
		return
	}
	for _, u := range m.reading.undecided {
		for f := range forms {
			if token, ok := f.tokenOf(u.path); ok && looksLikeDigest(token) {
				m.take(u.path, token, u.output)
			}
		}
	}
}

// markBuilds marks the outputs whose token is that of others as well. It is the build's, such as a commit or webpack's
// fullhash: when it is built anew, the bytes change under it. A chunkhash, which a script and its style share, looks the
// same. A version in the query is taken back, unless the bytes can tell.
func (m *Manifest) markBuilds() {
	for path, token := range m.reading.tokens {
		if !m.reading.shared[token] {
			continue
		}
		if output, listed := m.Outputs[path]; listed {
			output.ofBuild = true
			m.Outputs[path] = output
		}
		if m.format.denies == nil {
			delete(m.Versions, path)
		}
	}
}
