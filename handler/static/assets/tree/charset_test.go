package tree

import (
	"bytes"
	"strings"
	"testing"
)

const cyrillic = "\xcf\xf0\xe8\xe2\xe5\xf2" // "Привет" in windows-1251

func TestCharset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, content string
		other               bool
		why                 string
	}{
		{"plain page", "a.html", "<p>Привет", false, "its bytes are UTF-8"},
		{"ASCII", "a.html", "<p>a", false, "ASCII is UTF-8"},
		{"legacy page", "a.html", "<p>" + cyrillic, true, "its bytes are not UTF-8"},
		{"legacy page with meta", "a.html", `<meta charset=windows-1251><p>` + cyrillic, true, "the browser follows the meta element"},
		{"ASCII with meta", "a.html", `<meta charset="windows-1251"><form>`, true, "forms are sent in the charset of the page"},
		{"http-equiv", "a.html", `<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=ISO-8859-1">`, true, "the older form"},
		{"http-equiv of UTF-8", "a.html", `<meta content="text/html; charset='UTF-8'" http-equiv=content-type>`, false, "it is UTF-8"},
		{"other http-equiv", "a.html", `<meta http-equiv=refresh content="0; url=?charset=koi8-r">`, false, "no statement of a charset"},
		{"meta of UTF-8", "a.html", `<meta charset=utf-8><p>Привет`, false, "it is UTF-8"},
		{"meta of UTF-16", "a.html", `<meta charset=utf-16>`, false, "browsers read it as UTF-8"},
		{"meta in a comment", "a.html", `<!-- <meta charset=koi8-r> -->`, false, "a comment states nothing"},
		{"meta in a script", "a.html", `<script>"<meta charset=koi8-r>"</script>`, false, "a script states nothing"},
		{"late meta", "a.html", strings.Repeat(" ", maxPrescan) + `<meta charset=koi8-r>`, false, "browsers read 1,024 bytes"},
		{"two metas", "a.html", `<meta name=x><meta charset=koi8-r><meta charset=utf-8>`, true, "the first counts"},
		{"legacy text", "a.txt", cyrillic, true, "nginx states no charset either"},
		{"legacy script", "a.js", "'" + cyrillic + "'", true, "the page's charset holds"},
		{"stylesheet", "a.css", `@charset "utf-8"; a {}`, false, "it is UTF-8"},
		{"legacy stylesheet", "a.css", `@charset "windows-1251"; a {}`, true, "its first rule states the charset"},
		{"JSON", "a.json", cyrillic, false, "JSON has no charset parameter"},
		{"picture", "a.png", "\x89PNG", false, "no text"},
	} {
		file := &File{Path: c.file, Size: int64(len(c.content))}
		file.setCharset([]byte(c.content))
		file.prepare()
		if got := !strings.HasSuffix(file.ContentType[0], utf8Charset) && strings.HasSuffix(ContentType(c.file), utf8Charset); got != c.other {
			t.Errorf("%s: %s, want another charset: %t (%s)", c.name, file.ContentType[0], c.other, c.why)
		}
		sampled := &File{Path: c.file, Size: int64(len(c.content))}
		if sampled.setCharsetOf(strings.NewReader(c.content)); sampled.otherCharset != file.otherCharset {
			t.Errorf("%s: a sample of the bytes gives another result", c.name)
		}
	}
}

// A sample that ends within a character is UTF-8.
func TestCharsetOfSample(t *testing.T) {
	t.Parallel()
	for shift := range 4 {
		for _, c := range []struct {
			text  string
			other bool
		}{{"€", false}, {"😀", false}, {"a", false}, {cyrillic, true}} {
			content := strings.Repeat("a", shift) + strings.Repeat(c.text, 64<<10)
			file := &File{Path: "a.txt", Size: int64(len(content))}
			if file.setCharsetOf(strings.NewReader(content)); file.otherCharset != c.other {
				t.Errorf("%d bytes and %q: another charset %t, want %t", shift, c.text, file.otherCharset, c.other)
			}
		}
	}
}

func FuzzCharset(f *testing.F) {
	f.Add([]byte(`<meta charset=koi8-r>`))
	f.Add([]byte(`<meta http-equiv=content-type content="text/html;charset`))
	f.Fuzz(func(t *testing.T, content []byte) {
		other := hasOtherCharset(ContentType("a.html"), content)
		if !other && !bytes.Equal(bytes.ToValidUTF8(content, nil), content) {
			t.Errorf("%q is taken for UTF-8", content)
		}
	})
}
