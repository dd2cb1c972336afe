// Package markup finds the start tags of an HTML page and the positions of their attribute values.
//
// [Scanner.Next] reads a page in pieces, as a response is written. The scanner follows the tokenizer of the HTML standard:
// quotes, comments, CDATA, raw text, escaped scripts, and the different rules of SVG and MathML. The scanner builds no tree
// and holds no bytes of the page.
//
// Why not golang.org/x/net/html: its Tokenizer
//   - reads from an io.Reader, so each page that is rewritten while it is written would need a pipe and a goroutine;
//   - returns decoded attributes without their positions, so a tag with one changed URL would have to be written anew, and the
//     other bytes of the page would change too;
//   - does not follow SVG and MathML; only the parser does, and the parser builds the whole tree in memory;
//   - reports nothing before a tag or a text has ended, so text of any length would be withheld or bounded by an error.
//
// The fuzz targets of this package and of package stamp compare the scanner with x/net/html: attribute values here, and the
// tree of the rewritten page there. Character references are decoded by x/net/html.
package markup
