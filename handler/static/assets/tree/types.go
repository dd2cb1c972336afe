package tree

import (
	"mime"
	"path"
	"strconv"
	"strings"
)

// UnknownType is the type of a file whose extension is unknown, as nginx is configured by default.
const UnknownType = "application/octet-stream"

// ContentType is the type of a file by its extension, with a charset if the type is text. The table of this package knows the
// extensions that nginx's mime.types and Go's mime know. The tables of the machine know others, as for Caddy's file_server.
func ContentType(name string) string {
	extension := path.Ext(name)
	if known, ok := contentTypes[strings.ToLower(extension)]; ok {
		return known
	}
	if known := mime.TypeByExtension(extension); known != "" {
		return known
	}
	return UnknownType
}

var contentTypes = typesByExtension(map[string]string{
	"text/html; charset=utf-8":         ".html .htm .shtml .ehtml",
	"text/css; charset=utf-8":          ".css",
	"text/javascript; charset=utf-8":   ".js .mjs .cjs",
	"text/xml; charset=utf-8":          ".xml .xsl .xbl",
	"text/plain; charset=utf-8":        ".txt .text",
	"text/markdown; charset=utf-8":     ".md",
	"text/csv; charset=utf-8":          ".csv",
	"text/vtt; charset=utf-8":          ".vtt",
	"text/calendar; charset=utf-8":     ".ics",
	"text/mathml":                      ".mml",
	"text/x-component":                 ".htc",
	"text/vnd.wap.wml":                 ".wml",
	"text/vnd.sun.j2me.app-descriptor": ".jad",
	"message/rfc822":                   ".eml",

	"application/json":              ".json .map",
	"application/ld+json":           ".jsonld",
	"application/manifest+json":     ".webmanifest",
	"application/geo+json":          ".geojson",
	"application/wasm":              ".wasm",
	"application/rss+xml":           ".rss",
	"application/atom+xml":          ".atom",
	"application/rdf+xml":           ".rdf",
	"application/xhtml+xml":         ".xhtml .xht",
	"application/xspf+xml":          ".xspf",
	"application/vnd.apple.mpegurl": ".m3u8",
	"application/dash+xml":          ".mpd",

	"image/svg+xml":      ".svg .svgz",
	"image/png":          ".png",
	"image/jpeg":         ".jpg .jpeg .jfif .pjp .pjpeg",
	"image/gif":          ".gif",
	"image/webp":         ".webp",
	"image/avif":         ".avif",
	"image/jxl":          ".jxl",
	"image/heic":         ".heic",
	"image/apng":         ".apng",
	"image/x-icon":       ".ico",
	"image/bmp":          ".bmp",
	"image/tiff":         ".tif .tiff",
	"image/x-jng":        ".jng",
	"image/x-xbitmap":    ".xbm",
	"image/vnd.wap.wbmp": ".wbmp",

	"font/woff":                     ".woff",
	"font/woff2":                    ".woff2",
	"font/ttf":                      ".ttf",
	"font/otf":                      ".otf",
	"font/collection":               ".ttc",
	"application/vnd.ms-fontobject": ".eot",

	"audio/mpeg":        ".mp3",
	"audio/ogg":         ".ogg .oga .opus",
	"audio/wav":         ".wav",
	"audio/mp4":         ".m4a",
	"audio/aac":         ".aac",
	"audio/flac":        ".flac",
	"audio/midi":        ".mid .midi .kar",
	"audio/x-realaudio": ".ra",
	"audio/webm":        ".weba",

	"video/mp4":        ".mp4",
	"video/webm":       ".webm",
	"video/ogg":        ".ogv",
	"video/quicktime":  ".mov",
	"video/mpeg":       ".mpeg .mpg",
	"video/mp2t":       ".ts",
	"video/3gpp":       ".3gp .3gpp",
	"video/x-flv":      ".flv",
	"video/x-m4v":      ".m4v",
	"video/x-mng":      ".mng",
	"video/x-matroska": ".mkv",
	"video/x-ms-asf":   ".asf .asx",
	"video/x-ms-wmv":   ".wmv",
	"video/x-msvideo":  ".avi",

	"application/pdf":               ".pdf",
	"application/rtf":               ".rtf",
	"application/postscript":        ".ps .eps .ai",
	"application/epub+zip":          ".epub",
	"application/msword":            ".doc",
	"application/vnd.ms-excel":      ".xls",
	"application/vnd.ms-powerpoint": ".ppt",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
	"application/vnd.oasis.opendocument.text":                                   ".odt",
	"application/vnd.oasis.opendocument.spreadsheet":                            ".ods",
	"application/vnd.oasis.opendocument.presentation":                           ".odp",
	"application/vnd.oasis.opendocument.graphics":                               ".odg",
	"application/vnd.google-earth.kml+xml":                                      ".kml",
	"application/vnd.google-earth.kmz":                                          ".kmz",

	UnknownType:                               ".bin .exe .dll .deb .dmg .iso .img .msi .msp .msm",
	"application/zip":                         ".zip",
	"application/gzip":                        ".gz",
	"application/x-tar":                       ".tar",
	"application/x-brotli":                    ".br",
	"application/zstd":                        ".zst",
	"application/x-7z-compressed":             ".7z",
	"application/x-rar-compressed":            ".rar",
	"application/java-archive":                ".jar .war .ear",
	"application/vnd.android.package-archive": ".apk",
	"application/x-redhat-package-manager":    ".rpm",
	"application/x-xpinstall":                 ".xpi",
	"application/x-x509-ca-cert":              ".der .pem .crt",
	"application/mac-binhex40":                ".hqx",
	"application/vnd.wap.wmlc":                ".wmlc",
	"application/x-cocoa":                     ".cco",
	"application/x-java-archive-diff":         ".jardiff",
	"application/x-java-jnlp-file":            ".jnlp",
	"application/x-makeself":                  ".run",
	"application/x-perl":                      ".pl .pm",
	"application/x-pilot":                     ".prc .pdb",
	"application/x-sea":                       ".sea",
	"application/x-shockwave-flash":           ".swf",
	"application/x-stuffit":                   ".sit",
	"application/x-tcl":                       ".tcl .tk",
})

func typesByExtension(extensions map[string]string) map[string]string {
	types := make(map[string]string)
	for contentType, list := range extensions {
		for extension := range strings.FieldsSeq(list) {
			types[extension] = contentType
		}
	}
	return types
}

// Compressible reports a type that is worth compressing: text, and binary formats that are not compressed already.
func Compressible(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch media {
	case "application/json", "application/wasm", "image/x-icon", "image/bmp", "image/x-xbitmap", "font/ttf", "font/otf", "font/collection",
		"application/vnd.ms-fontobject", "application/vnd.apple.mpegurl", "application/rtf", "application/postscript":
		return true
	}
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml")
}

// FormatInt returns a decimal number, as in Content-Length.
func FormatInt(n int64) string { return strconv.FormatInt(n, 10) }

// IsHTML reports the Content-Type of a page: HTML or XHTML.
func IsHTML(contentType []string) bool {
	return len(contentType) > 0 &&
		(strings.HasPrefix(contentType[0], "text/html") || strings.HasPrefix(contentType[0], "application/xhtml+xml"))
}
