// Package audit looks through the static files and the templates of a site for what makes browsers run old code: references
// without a version, stale compressed files, and names with the hash of other content. It also finds keys in public scripts.
package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/scan2food/usher/handler/operate/scripts"
	"github.com/scan2food/usher/handler/operate/verdict"
	"github.com/scan2food/usher/handler/static/assets/variants"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// Limits of an audit.
const (
	maxFiles = 1_000_000
	maxFile  = 32 << 20 // bytes of a file that is compared with its name or its compressed form
	maxText  = 4 << 20  // bytes of a text that is searched
)

// Config configures an audit.
type Config struct {
	// Root holds the static files, as they are served. Files that are no regular files are left out.
	Root fs.FS
	// Templates holds the templates. Nil: there are none.
	Templates fs.FS
	// Progress is called now and then with the number of files. Nil: it is not called.
	Progress func(files int)
}

// auditor is one audit.
type auditor struct {
	config Config
	report verdict.Report
	files  int
}

var errTooMany = errors.New("too many files")

// Run looks through the files. Its error says that the audit is incomplete: a directory is missing, or ctx has ended.
func Run(ctx context.Context, config Config) (verdict.Report, error) {
	a := &auditor{config: config}
	if config.Progress == nil {
		a.config.Progress = func(int) {}
	}
	err := a.walk(ctx, config.Root, "", a.static)
	if err == nil && config.Templates != nil {
		err = a.walk(ctx, config.Templates, "templates: ", a.template)
	}
	a.report.Sort()
	return a.report, err
}

// walk calls look for each regular file. A file or directory that cannot be read is a verdict.
func (a *auditor) walk(ctx context.Context, files fs.FS, label string, look func(subject, name string, size int64)) error {
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == ".":
			return err
		case err != nil:
			a.unreadable(label+name, err)
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		if a.files++; a.files > maxFiles {
			return errTooMany
		}
		if a.files%1000 == 0 {
			a.config.Progress(a.files)
		}
		info, err := entry.Info()
		if err != nil {
			a.unreadable(label+name, err)
			return nil
		}
		look(label+name, name, info.Size())
		return nil
	})
	if errors.Is(err, errTooMany) {
		return fmt.Errorf("more than %d files: audit a directory below", maxFiles)
	}
	return err
}

func (a *auditor) unreadable(subject string, err error) {
	var detail *fs.PathError
	if errors.As(err, &detail) {
		err = detail.Err
	}
	a.report.Add(verdict.Warn, subject, "cannot be read: "+err.Error(), "make it readable, or remove it")
}

// read returns the content of a file, or false if it is larger than most or cannot be read.
func (a *auditor) read(files fs.FS, subject, name string, most int64) ([]byte, bool) {
	file, err := files.Open(name)
	if err != nil {
		a.unreadable(subject, err)
		return nil, false
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		a.unreadable(subject, err)
		return nil, false
	}
	return content, int64(len(content)) <= most
}

// static looks at a served file.
func (a *auditor) static(subject, name string, size int64) {
	if original, coding := sidecarOf(name); coding != variants.Identity {
		a.sidecar(subject, name, original, coding)
		return
	}
	looksHashed := fingerprint.LooksVersioned(path.Base(name))
	extension := strings.ToLower(path.Ext(name))
	isScript := extension == ".js" || extension == ".mjs"
	isPage := extension == ".html" || extension == ".htm"
	if !looksHashed && !isScript && !isPage || size > maxFile {
		return
	}
	content, whole := a.read(a.config.Root, subject, name, maxFile)
	if !whole {
		return
	}
	if looksHashed {
		a.name(subject, name, content)
	}
	if len(content) > maxText {
		content = content[:maxText]
	}
	switch {
	case isScript:
		a.script(subject, string(content))
	case isPage:
		a.page(subject, string(content))
	}
}

// sidecarOf returns the original of a compressed file.
func sidecarOf(name string) (original string, coding variants.Coding) {
	for candidate, extension := range variants.Extensions {
		if extension != "" && strings.HasSuffix(name, extension) {
			return strings.TrimSuffix(name, extension), variants.Coding(candidate)
		}
	}
	return "", variants.Identity
}

// sidecar compares a compressed file with its original.
func (a *auditor) sidecar(subject, name, original string, coding variants.Coding) {
	info, err := fs.Stat(a.config.Root, original)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
		return // a download, not a form of another file
	}
	encoded, whole := a.read(a.config.Root, subject, name, maxFile)
	content, alsoWhole := a.read(a.config.Root, subject, original, maxFile)
	if whole && alsoWhole && !variants.DecodesTo(coding, encoded, content) {
		a.report.Add(verdict.Bad, subject, "compressed form of other content than "+original, "compress it again, or remove it: usher compresses files itself")
	}
}

// name compares the hash in the name of a file with its content.
func (a *auditor) name(subject, name string, content []byte) {
	fingerprinted := fingerprint.Of(content)
	if _, proved := fingerprinted.ProveName(name); proved {
		return
	}
	if source, isDjango := fingerprint.DjangoSource(name); isDjango {
		if _, err := fs.Stat(a.config.Root, source); err == nil && fingerprinted.Contradicts(name) {
			a.report.Add(verdict.Bad, subject, "the name holds the hash of other content", "run collectstatic again; never edit a hashed file")
			return
		}
	}
	a.report.Add(verdict.Warn, subject, "the name looks like a hash that nothing proves", "keep the build manifest with the files, or let usher revalidate the file")
}

func (a *auditor) script(subject, content string) {
	if scripts.HoldsKey(content) {
		a.report.Add(verdict.Bad, subject, "public JavaScript holds a key", "issue tickets: `ticket { issue_on ... }` in the route; then rotate the key")
	}
	for _, reference := range scripts.Scan(content) {
		switch reference.Kind {
		case scripts.Worker, scripts.ImportScripts:
			if name := strings.ReplaceAll(reference.Text, scripts.Computed, ""); isUnversioned(name) {
				a.report.Add(verdict.Warn, subject, fmt.Sprintf("worker %q is named without a version", clip(name)), "serve it with versioned_assets, and set `stamp js`")
			}
		}
	}
}

func (a *auditor) page(subject, content string) {
	if scripts.HoldsKey(content) {
		a.report.Add(verdict.Bad, subject, "a public page holds a key", "issue tickets: `ticket { issue_on ... }` in the route; then rotate the key")
	}
	a.references(subject, content)
}

// template looks at a template. A key in a template may be for a page behind a login.
func (a *auditor) template(subject, name string, size int64) {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm", ".jinja", ".jinja2", ".j2", ".txt", ".erb", ".ejs", ".hbs", ".tmpl", ".gohtml", ".php", ".twig":
	default:
		return
	}
	content, _ := a.read(a.config.Templates, subject, name, maxText)
	if len(content) > maxText {
		content = content[:maxText]
	}
	if scripts.HoldsKey(string(content)) {
		a.report.Add(verdict.Warn, subject, "a template holds a key", "issue tickets: `ticket { issue_on ... }` in the route")
	}
	a.references(subject, string(content))
}

func clip(text string) string {
	const most = 120
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
