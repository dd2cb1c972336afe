package keys

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxFileSize is the most that a file of keys may hold: more is some other file.
const MaxFileSize = 1 << 20

// hiddenLabel stands in errors for a label that could be a secret.
const hiddenLabel = "(not shown)"

var (
	labelShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	// secretShape is what generators of secrets make and nobody calls a key: hexadecimal digits, UUIDs.
	secretShape = regexp.MustCompile(`^[0-9A-Fa-f-]{32,}$`)
)

// ParseFile reads the keys of a file, in the order of the file. All its lines have one of two forms; blank ones and those
// that begin with # are skipped:
//
//	label secret [from <RFC 3339>] [until <RFC 3339>]
//	[export] NAME=value
//
// The second is a dotenv file, its names are the labels. A value stands as it is or in quotes, on one line; one with a
// dollar or a backslash stands in single quotes. Errors name the line, and the label unless it could be a secret in the
// wrong place; they hold nothing of any secret.
func ParseFile(data []byte) ([]Key, error) {
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("want at most %d bytes, got more", MaxFileSize)
	}
	p := fileParser{labels: make(map[string]int), secrets: make(map[ID]int)}
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		number++
		if err := p.parseLine(number, string(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if len(p.keys) == 0 {
		return nil, errors.New("want at least one key, got none")
	}
	return p.keys, nil
}

// fileParser collects the keys of a file, and the lines on which they stand.
type fileParser struct {
	dotenv  bool // the form of the first key, which is that of all
	keys    []Key
	labels  map[string]int
	secrets map[ID]int
}

func (p *fileParser) parseLine(number int, line string) error {
	line, err := cleanLine(line)
	if err != nil || line == "" || line[0] == '#' {
		return err
	}
	dotenv := dotenvStart.MatchString(line)
	if len(p.keys) == 0 {
		p.dotenv = dotenv
	}
	if dotenv != p.dotenv {
		return errors.New("want one form on all lines, got both label secret and NAME=value")
	}
	parse := parseLabelled
	if dotenv {
		parse = parseDotenv
	}
	entry, err := parse(line)
	if err != nil {
		return err
	}
	return p.add(number, &entry)
}

// cleanLine is a line without what surrounds it. Control characters are refused: no client can send them in a header.
func cleanLine(line string) (string, error) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if !utf8.ValidString(line) {
		return "", errors.New("want UTF-8, got other bytes")
	}
	if strings.ContainsFunc(line, func(char rune) bool { return char != '\t' && unicode.IsControl(char) }) {
		return "", errors.New("want text, got a control character")
	}
	return strings.Trim(line, " \t"), nil
}

func (p *fileParser) add(number int, entry *fileEntry) error {
	shown := entry.safeLabel()
	key, err := NewKey(shown, entry.secret, entry.from, entry.until)
	if err != nil {
		return err
	}
	key.Label = entry.label
	if before, taken := p.labels[key.Label]; taken {
		return fmt.Errorf("key %s: want another label, got that of line %d", shown, before)
	}
	if before, taken := p.secrets[key.id]; taken {
		return fmt.Errorf("key %s: want another secret, got that of line %d", shown, before)
	}
	p.labels[key.Label], p.secrets[key.id] = number, number
	p.keys = append(p.keys, key)
	return nil
}

// fileEntry is what one line says.
type fileEntry struct {
	label, secret string
	from, until   time.Time
}

// safeLabel is the label as an error may tell it. Where label and secret are swapped the label is the secret: then it is the
// longer of the two, or as long as a secret must be.
func (e *fileEntry) safeLabel() string {
	if len(e.label) < min(MinSecretLength, len(e.secret)) {
		return e.label
	}
	return hiddenLabel
}

// parseLabelled reads a label, a secret, and when it is good. As long as it is not certain which word is the secret,
// errors repeat none.
func parseLabelled(line string) (fileEntry, error) {
	words := strings.FieldsFunc(line, func(char rune) bool { return char == ' ' || char == '\t' })
	if err := checkLabel(words[0]); err != nil {
		return fileEntry{}, err
	}
	if len(words) > 1 && words[1][0] == '=' {
		return fileEntry{}, errors.New("want no blank before the = of NAME=value, and no secret that begins with =")
	}
	if len(words)%2 != 0 {
		return fileEntry{}, errors.New("want label secret [from <time>] [until <time>], got another number of words")
	}
	entry := fileEntry{label: words[0], secret: words[1]}
	for words = words[2:]; len(words) > 0; words = words[2:] {
		if err := entry.setTime(words[0], words[1]); err != nil {
			return fileEntry{}, err
		}
	}
	return entry, nil
}

// setTime sets from or until.
func (e *fileEntry) setTime(name, value string) error {
	limits := map[string]*time.Time{"from": &e.from, "until": &e.until}
	limit, known := limits[name]
	if !known {
		return errors.New("want from or until behind the secret, got something else")
	}
	if !limit.IsZero() {
		return fmt.Errorf("key %s: want one %s, got two", e.safeLabel(), name)
	}
	parsed, err := time.Parse(time.RFC3339, value)
	if err != nil || parsed.IsZero() { // the error quotes the value; the zero time would mean no limit
		return fmt.Errorf("key %s: want a time like 2006-01-02T15:04:05Z behind %s, got something else", e.safeLabel(), name)
	}
	*limit = parsed
	return nil
}

// LooksLikeSecret tells of a label whether it is rather a secret in the wrong place.
func LooksLikeSecret(label string) bool { return secretShape.MatchString(label) }

func checkLabel(label string) error {
	if !labelShape.MatchString(label) {
		return errors.New("want a label of at most 64 letters, digits, _, - and ., got something else")
	}
	if LooksLikeSecret(label) {
		return errors.New("want a label before the secret, got what looks like a secret")
	}
	return nil
}
