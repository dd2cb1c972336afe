package stamp

import (
	"hash/maphash"
	"slices"
)

// A preload must name the URL under which its user requests the file, or the browser loads the file twice. The user mostly comes
// later: a script, an image, or a stylesheet that refers to the file. So a preload, and all output after it, is held until a stamped
// user has come. If the page is flushed or ends before, or too much is held, the preload keeps its plain URL. Then all later users
// keep theirs, too.

// These constants bound the memory for the preloads of a page.
const (
	maxPending   = 32 << 10 // held output, in bytes
	maxPlain     = 256      // preloads without a version
	maxUsers     = 1024     // files that the page uses
	maxSheets    = 64       // stylesheets that the page uses
	maxOptionals = 256      // held edits
)

// verdict is whether a reference gets its version.
type verdict uint8

const (
	stampIt verdict = iota
	keepPlain
	undecided
)

// preloads are the preloads of one page and their users.
type preloads struct {
	seed      maphash.Seed
	inTag     bool       // the references of a tag are being decided; nothing is released meanwhile
	pending   []byte     // output since the first undecided preload
	optionals []optional // in pending, in order
	plain     []uint64   // files whose preload kept its plain URL
	plainURLs []string   // the same, for stylesheets that may refer to them
	users     []uint64   // files that have come with a version
	sheets    []string   // stylesheets that have come with a version
}

// optional is an edit of pending that is made if a stamped user of the file comes.
type optional struct {
	edit
	path   string
	stamps bool
}

func (l *preloads) hash(path []byte) uint64 {
	if l.seed == (maphash.Seed{}) {
		l.seed = maphash.MakeSeed()
	}
	return maphash.Bytes(l.seed, path)
}

// verdictOf decides on a reference to a file.
func (p *PageWriter) verdictOf(path []byte, resource resource) verdict {
	l := &p.preloads
	switch {
	case len(l.plain) > 0 && slices.Contains(l.plain, l.hash(path)):
		return keepPlain
	case resource.isPinned && p.rewriter.isRewritten(string(path)):
		if len(l.plain) < maxPlain {
			l.keepPlain(string(path))
		}
		return keepPlain
	case resource.isStylesheet && p.refersToPlain(string(path)):
		return keepPlain
	case !resource.isPreload || p.hasUser(path):
		return stampIt
	case len(l.optionals) == maxOptionals || len(l.plain) >= maxPlain:
		return keepPlain
	default:
		return undecided
	}
}

// refersToPlain reports a stylesheet that refers to a file whose preload kept its plain URL. The file as it is on disk refers to the
// plain URL.
func (p *PageWriter) refersToPlain(sheet string) bool {
	return p.rewriter.SheetUses != nil &&
		slices.ContainsFunc(p.preloads.plainURLs, func(path string) bool { return p.rewriter.SheetUses(sheet, path) })
}

// hasUser reports that a stamped user of a file has come.
func (p *PageWriter) hasUser(path []byte) bool {
	l := &p.preloads
	if len(l.users) > 0 && slices.Contains(l.users, l.hash(path)) {
		return true
	}
	return p.rewriter.SheetUses != nil &&
		slices.ContainsFunc(l.sheets, func(sheet string) bool { return p.rewriter.SheetUses(sheet, string(path)) })
}

// noteUser records a stamped user of a file, and stamps the preloads that have waited for it.
func (p *PageWriter) noteUser(path []byte, resource resource) {
	l := &p.preloads
	if resource.isPreload || resource.isPrefetch && !resource.isStylesheet {
		return
	}
	if len(l.users) < maxUsers {
		l.users = append(l.users, l.hash(path))
	}
	isSheet := resource.isStylesheet && p.rewriter.SheetUses != nil
	if isSheet && len(l.sheets) < maxSheets {
		l.sheets = append(l.sheets, string(path))
	}
	for i := range l.optionals {
		o := &l.optionals[i]
		o.stamps = o.stamps || o.path == string(path) || isSheet && p.rewriter.SheetUses(string(path), o.path)
	}
}

// applyOptional holds an edit of a preload, and the output from there on.
func (p *PageWriter) applyOptional(data []byte, e edit, path []byte) {
	p.pass(data, e.start)
	p.writeGathered()
	l := &p.preloads
	start := len(l.pending)
	l.pending = append(l.pending, data[e.start:e.end]...)
	p.written = e.end
	l.optionals = append(l.optionals, optional{edit: edit{start, len(l.pending), slices.Clone(e.with)}, path: string(path)})
}

// releaseDecided writes the held output if each preload in it has a user.
func (p *PageWriter) releaseDecided() {
	if len(p.preloads.optionals) > 0 && !slices.ContainsFunc(p.preloads.optionals, func(o optional) bool { return !o.stamps }) {
		p.release()
	}
}

// release writes the held output. Preloads without a user keep their plain URL.
func (p *PageWriter) release() {
	l := &p.preloads
	if len(l.optionals) == 0 {
		return
	}
	p.writeGathered()
	pending, optionals, written := l.pending, l.optionals, 0
	l.pending, l.optionals = nil, nil
	for _, o := range optionals {
		if !o.stamps {
			l.keepPlain(o.path)
			continue
		}
		p.write(pending[written:o.start])
		p.write(o.with)
		written = o.end
	}
	p.write(pending[written:])
}

// KeepPlain keeps the plain URLs of files, and of the stylesheets that refer to them: a Link field preloads these files so. It
// is called before the first Write.
func (p *PageWriter) KeepPlain(paths []string) {
	for _, path := range paths {
		p.preloads.keepPlain(path)
	}
}

// keepPlain keeps the plain URL of a file in the rest of the page.
func (l *preloads) keepPlain(path string) {
	if hash := l.hash([]byte(path)); !slices.Contains(l.plain, hash) {
		l.plain, l.plainURLs = append(l.plain, hash), append(l.plainURLs, path)
	}
}

// StyleReferences returns the paths of the files that a stylesheet refers to with a version.
func (r *Rewriter) StyleReferences(content []byte, path string) []string {
	var found []string
	r.withVersions(func(path string) (string, bool) {
		if _, ok := r.Version(path); ok {
			found = append(found, path)
		}
		return "", false
	}).Style(content, path)
	return found
}
