package assets

import (
	"path"
	"strconv"
	"strings"
)

// ContentType is the type of a file by its extension, with a charset where the type is text. The table is our own: what
// the machine's mime files say must not matter.
func ContentType(name string) string {
	if known, ok := contentTypes[strings.ToLower(path.Ext(name))]; ok {
		return known
	}
	return "application/octet-stream"
}

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".cjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".jsonld": "application/ld+json",
	".webmanifest": "application/manifest+json", ".geojson": "application/geo+json", ".wasm": "application/wasm",
	".xml": "text/xml; charset=utf-8", ".xsl": "text/xml; charset=utf-8", ".rss": "application/rss+xml",
	".atom": "application/atom+xml", ".xhtml": "application/xhtml+xml",
	".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".csv": "text/csv; charset=utf-8",
	".vtt": "text/vtt; charset=utf-8", ".ics": "text/calendar; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
	".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon", ".bmp": "image/bmp", ".apng": "image/apng",
	".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
	".eot": "application/vnd.ms-fontobject",
	".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".m4a": "audio/mp4", ".flac": "audio/flac",
	".mp4": "video/mp4", ".webm": "video/webm", ".ogv": "video/ogg", ".mov": "video/quicktime",
	".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/gzip", ".tar": "application/x-tar",
	".br": "application/x-brotli", ".zst": "application/zstd", ".7z": "application/x-7z-compressed",
}

// compressible reports a type that is worth compressing: text, and the few binary formats that are not compressed
// already.
func compressible(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch media {
	case "application/json", "application/ld+json", "application/manifest+json", "application/geo+json",
		"application/wasm", "application/rss+xml", "application/atom+xml", "application/xhtml+xml", "image/svg+xml",
		"image/x-icon", "image/bmp", "font/ttf", "font/otf", "application/vnd.ms-fontobject":
		return true
	}
	return strings.HasPrefix(media, "text/")
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }
