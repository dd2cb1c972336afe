package audit

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/scan2food/usher/handler/operate/verdict"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// code is the code of a template, in the syntax of Django, Jinja, Twig, Handlebars, Go, ERB, EJS or PHP.
const code = `\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|<\?.*?\?>`

var (
	templateCode = regexp.MustCompile(code)
	// attribute is a URL in an attribute. Code in it may hold quotes.
	attribute = regexp.MustCompile(`(?i)\b(?:src|href)\s*=\s*(?:"((?:` + code + `|[^"<>\s\x00])+)"|'((?:` + code + `|[^'<>\s\x00])+)')`)
	// asset is the path of a script or a stylesheet.
	asset = regexp.MustCompile(`(?i)\.(?:m?js|css)$`)
	// literalName is the path of a file whose name no code makes, as in {{ STATIC_URL }}app.js.
	literalName = regexp.MustCompile(`(?i)(?:^|/|` + codeMark + `)[a-z0-9][^/` + codeMark + `]*$`)
	// assetInCode is the name of one, as an argument of a helper such as {% static "app.js" %}.
	assetInCode = regexp.MustCompile(`(?i)\.(?:m?js|css)["']`)
	// handKept is a version that a person writes.
	handKept = regexp.MustCompile(`(?i)[?&](?:v|ver|version)=([0-9.]{1,12})$`)
	// computed is a version that a template writes.
	computed = regexp.MustCompile(`(?i)[?&](?:v|ver|version)=` + codeMark + `$`)
)

// codeMark stands for the code of a template in a reference.
const codeMark = "\x00"

// references looks at the references to scripts and stylesheets in a page or a template.
func (a *auditor) references(subject, content string) {
	for _, match := range attribute.FindAllStringSubmatch(content, -1) {
		reference := match[1] + match[2]
		found, remedy := ofReference(reference)
		if found != "" {
			a.report.Add(verdict.Warn, subject, fmt.Sprintf("%s: %q", found, clip(reference)), remedy)
		}
	}
}

// ofReference returns what is wrong with a reference, and the remedy. What the code of a template writes is unknown: a helper may add
// the hash of the content.
func ofReference(reference string) (found, remedy string) {
	codes := templateCode.FindAllString(reference, -1)
	plain := templateCode.ReplaceAllString(reference, codeMark)
	urlPath, query, _ := strings.Cut(plain, "?")
	isAsset, isHelper := asset.MatchString(urlPath), false
	if strings.HasSuffix(urlPath, codeMark) {
		isHelper = assetInCode.MatchString(codes[strings.Count(urlPath, codeMark)-1])
	}
	switch {
	case !isAsset && !isHelper || strings.Contains(plain, "//"): // the latter is another host
		return "", ""
	case handKept.MatchString("?" + query):
		return "version by hand", "set `stamp html` in versioned_assets, and remove the version"
	case computed.MatchString("?" + query):
		return "version by a template", "set `stamp html` in versioned_assets, and remove the version"
	case isAsset && literalName.MatchString(urlPath) && isUnversioned(plain):
		return "reference without a version", "set `stamp html` in versioned_assets"
	default:
		return "", ""
	}
}

func isUnversioned(reference string) bool {
	return reference != "" && !strings.Contains(reference, "?") && !strings.Contains(reference, "//") && !fingerprint.LooksVersioned(path.Base(reference))
}
