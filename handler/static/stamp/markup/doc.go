// Package markup finds the start tags of an HTML page and the positions of their attribute values.
//
// [Scanner.Next] reads a page in pieces, as a response is written. The scanner follows the tokenizer of the HTML standard:
// quotes, comments, CDATA, raw text, escaped scripts, and the different rules of SVG and MathML. The scanner builds no tree
// and holds no bytes of the page.
//
// Why not golang.org/x/net/html: its Tokenizer
//   - reads from an io.Reader, so each page would need a pipe and a goroutine;
//   - returns decoded attributes without their positions, so a changed tag would have to be serialized, which changes other
//     bytes of the tag too;
//   - does not track SVG and MathML; only the parser does, and it builds a tree of the page in memory;
//   - returns text only when the text has ended, so a page could not be streamed.
//
// The fuzz targets of this package and of package stamp compare the scanner with x/net/html: attribute values here, and the
// tree of the rewritten page there. Character references are decoded by x/net/html.
package markup
