package fingerprint

import (
	"path"
	"slices"
	"strings"
)

// reading is what a manifest is known to say as a whole while it is read.
type reading struct {
	outputs   map[string][]string // by token: those that bear it
	forms     map[form]bool       // in which this build writes its tokens
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
	return &reading{outputs: make(map[string][]string), forms: make(map[form]bool)}
}

// note remembers which output a token stands for, and its form.
func (r *reading) note(token, output string) {
	if !slices.Contains(r.outputs[token], output) {
		r.outputs[token] = append(r.outputs[token], output)
	}
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

// takeAlike takes what was undecided where its name ends as others of the build do that carry a version.
func (m *Manifest) takeAlike() {
	forms := m.reading.forms
	for _, u := range m.reading.undecided {
		for f := range forms {
			if token, ok := f.tokenOf(u.path); ok && looksLikeDigest(token) {
				m.take(u.path, token, u.output)
			}
		}
	}
}

// forgetBuilds drops the outputs whose token is that of others as well. It is the build's, such as a commit or webpack's
// fullhash: when it is built anew, the bytes change under it. A chunkhash, which a script and its style share, looks the
// same.
func (m *Manifest) forgetBuilds() {
	for _, outputs := range m.reading.outputs {
		if len(outputs) < 2 {
			continue
		}
		for _, output := range outputs {
			delete(m.Outputs, output)
			delete(m.Versions, output)
		}
	}
}
