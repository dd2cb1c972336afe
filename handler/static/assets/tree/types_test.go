package tree

import (
	"mime"
	"testing"
)

func TestContentType(t *testing.T) {
	t.Parallel()
	for extension, known := range map[string]string{
		".usher-gltf": "model/gltf+json", ".usher-glb": "model/gltf-binary", ".usher-log": "text/x-log",
	} {
		if err := mime.AddExtensionType(extension, known); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, want string
		compressed bool
		why        string
	}{
		{"a.js", "text/javascript; charset=utf-8", true, "RFC 9239"},
		{"a.MJS", "text/javascript; charset=utf-8", true, "upper case"},
		{"a.min.css", "text/css; charset=utf-8", true, "the last extension"},
		{"index.html", "text/html; charset=utf-8", true, ""},
		{"a.json", "application/json", true, "JSON has no charset (RFC 8259, 11)"},
		{"a.js.map", "application/json", true, ""},
		{"a.svg", "image/svg+xml", true, ""},
		{"a.wasm", "application/wasm", true, "browsers compile it while it arrives"},
		{"a.webmanifest", "application/manifest+json", true, ""},
		{"a.woff2", "font/woff2", false, "compressed already"},
		{"a.png", "image/png", false, ""},
		{"a.mp4", "video/mp4", false, ""},
		{"a.js.gz", "application/gzip", false, "a sidecar by its own name"},
		{"a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false, "nginx and Go know it"},
		{"a.m3u8", "application/vnd.apple.mpegurl", true, "nginx knows it"},
		{"a.ts", "video/mp2t", false, "nginx knows it"},
		{"a.apk", "application/vnd.android.package-archive", false, "Go knows it"},
		{"a.opus", "audio/ogg", false, "Go knows it"},
		{"a.kml", "application/vnd.google-earth.kml+xml", true, "XML"},
		{"a.exe", "application/octet-stream", false, "nginx and Go say so"},
		{"a.usher-gltf", "model/gltf+json", true, "the machine knows it"},
		{"a.usher-glb", "model/gltf-binary", false, "the machine knows it"},
		{"A.USHER-LOG", "text/x-log; charset=utf-8", true, "the machine knows it, and Go adds the charset"},
		{"a", "application/octet-stream", false, ""},
		{"a.unknown", "application/octet-stream", false, ""},
	} {
		got := ContentType(c.name)
		if got != c.want || Compressible(got) != c.compressed {
			t.Errorf("%s: %s, compressible %t, want %s, %t (%s)", c.name, got, Compressible(got), c.want, c.compressed, c.why)
		}
	}
}
