package assets

import (
	"io"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"
)

// Range is a part of a representation: Length bytes (at least one) from Start on.
type Range struct{ Start, Length int64 }

// maxRanges is the most parts one answer has. A request for more is answered whole: each part costs about a hundred
// bytes of its own, and no honest client asks for so many (RFC 9110, 14.2, lets a server ignore any Range).
const maxRanges = 32

// RangeOutcome says what a Range header asks of a representation.
type RangeOutcome uint8

const (
	// WholeRange: there is no Range, or none that this server honours (another unit, a syntax error, more than it
	// sends, parts that overlap): the answer is 200.
	WholeRange RangeOutcome = iota
	// PartialRange: the answer is 206 with the ranges.
	PartialRange
	// UnsatisfiableRange: the answer is 416.
	UnsatisfiableRange
)

// ParseRange reads a Range header (RFC 9110, 14.1.2 and 14.2) for a representation of size bytes. Ranges come in the
// order asked for, within the representation, and together are never longer than it.
func ParseRange(header string, size int64) ([]Range, RangeOutcome) {
	unit, specs, found := strings.Cut(header, "=")
	if !found || !strings.EqualFold(trimSpace(unit), "bytes") {
		return nil, WholeRange
	}
	var ranges []Range
	asked, total := 0, int64(0)
	for spec := range strings.SplitSeq(specs, ",") {
		spec = trimSpace(spec)
		if spec == "" {
			continue
		}
		asked++
		part, satisfiable, ok := parseRangeSpec(spec, size)
		if !ok || asked > maxRanges {
			return nil, WholeRange
		}
		if !satisfiable {
			continue
		}
		total += part.Length
		if total > size || overlapsAny(part, ranges) {
			return nil, WholeRange
		}
		ranges = append(ranges, part)
	}
	switch {
	case len(ranges) > 0:
		return ranges, PartialRange
	case asked == 0 || size == 0:
		// Some clients send `Range: bytes=0-` with everything: an empty file is then simply empty.
		return nil, WholeRange
	}
	return nil, UnsatisfiableRange
}

// parseRangeSpec reads `first-last`, `first-` or `-length`. ok is false for a syntax error; satisfiable is false for a
// range that lies wholly behind the end.
func parseRangeSpec(spec string, size int64) (part Range, satisfiable, ok bool) {
	first, last, found := strings.Cut(spec, "-")
	if !found {
		return Range{}, false, false
	}
	if first == "" {
		length, valid := parseOffset(last)
		if !valid {
			return Range{}, false, false
		}
		length = min(length, size)
		return Range{Start: size - length, Length: length}, length > 0, true
	}
	start, valid := parseOffset(first)
	if !valid {
		return Range{}, false, false
	}
	end := size - 1
	if last != "" {
		asked, valid := parseOffset(last)
		if !valid || asked < start {
			return Range{}, false, false
		}
		end = min(asked, end)
	}
	if start >= size {
		return Range{}, false, true
	}
	return Range{Start: start, Length: end - start + 1}, true, true
}

// parseOffset reads digits alone: no sign, no space. More digits than fit into 63 bits are a very large offset, not an
// error.
func parseOffset(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	offset, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return offset, true
}

func overlapsAny(part Range, others []Range) bool {
	for _, other := range others {
		if part.Start < other.Start+other.Length && other.Start < part.Start+part.Length {
			return true
		}
	}
	return false
}

// contentRange is the Content-Range of a part (RFC 9110, 14.4).
func (part Range) contentRange(size int64) string {
	var b [3*20 + len("bytes -/")]byte
	s := append(b[:0], "bytes "...)
	s = strconv.AppendInt(s, part.Start, 10)
	s = append(s, '-')
	s = strconv.AppendInt(s, part.Start+part.Length-1, 10)
	s = append(s, '/')
	s = strconv.AppendInt(s, size, 10)
	return string(s)
}

// unsatisfiedRange is the Content-Range of a 416.
func unsatisfiedRange(size int64) string { return "bytes */" + strconv.FormatInt(size, 10) }

// writeParts writes the ranges of a file as multipart/byteranges (RFC 9110, 14.6), all but the end.
func writeParts(parts *multipart.Writer, f *File, ranges []Range, content io.ReaderAt) error {
	for _, part := range ranges {
		out, err := parts.CreatePart(part.header(f))
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, io.NewSectionReader(content, part.Start, part.Length)); err != nil {
			return err
		}
	}
	return nil
}

// partsLength is how many bytes writeParts writes, and the end.
func partsLength(boundary string, f *File, ranges []Range) int64 {
	var count countingWriter
	parts := multipart.NewWriter(&count)
	_ = parts.SetBoundary(boundary)
	for _, part := range ranges {
		_, _ = parts.CreatePart(part.header(f))
		count += countingWriter(part.Length)
	}
	_ = parts.Close()
	return int64(count)
}

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

func (part Range) header(f *File) textproto.MIMEHeader {
	return textproto.MIMEHeader{"Content-Type": f.contentType, "Content-Range": {part.contentRange(f.Size)}}
}
