package keys

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxFileSize is the maximum size of a keys file in bytes.
const MaxFileSize = 1 << 20

var (
	labelShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	// secretShape matches output of secret generators that are unlikely as labels: hexadecimal digits, UUIDs.
	secretShape = regexp.MustCompile(`^[0-9A-Fa-f-]{32,}$`)
)

// ParseFile reads the keys of a file, in the order of the file. Without names, each line holds a key:
//
//	label secret [from <RFC 3339>] [until <RFC 3339>]
//
// With names, the file is a dotenv file, and the values of these names are the keys. The names are the labels:
//
//	[export] NAME=value
//
// Each value is on one line, plain or in quotes. A value with a dollar or a backslash is in single quotes. Blank lines and lines
// that begin with # are skipped. Errors contain the line number, and no part of any secret. They contain the label unless it
// could be a secret.
func ParseFile(data []byte, names ...string) ([]Key, error) {
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("file too large: a keys file has at most %d bytes", MaxFileSize)
	}
	p := fileParser{names: names, labels: make(map[string]int), secrets: make(map[ID]int)}
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		number++
		if err := p.parseLine(number, string(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	for _, name := range names {
		if p.labels[name] == 0 {
			return nil, fmt.Errorf("no line %s=value; write one or remove the name", name)
		}
	}
	if len(p.keys) == 0 {
		return nil, errors.New("no keys: write at least one key")
	}
	return p.keys, nil
}

// fileParser collects the keys of a file and their line numbers.
type fileParser struct {
	names   []string // of the keys in a dotenv file
	keys    []Key
	labels  map[string]int
	secrets map[ID]int
}

func (p *fileParser) parseLine(number int, line string) error {
	line, err := cleanLine(line)
	if err != nil || line == "" || line[0] == '#' {
		return err
	}
	parse := parseLabelled
	switch isDotenv := dotenvStart.MatchString(line); {
	case len(p.names) == 0 && isDotenv:
		return errors.New("want label secret; for a dotenv file, write the names of its keys after the path of the file")
	case len(p.names) > 0:
		if name, err := dotenvName(line); err != nil || !slices.Contains(p.names, name) {
			return err
		}
		parse = parseDotenv
	}
	entry, err := parse(line)
	if err != nil {
		return err
	}
	return p.add(number, &entry)
}

// cleanLine removes the line ending and outer blanks. It rejects control characters, because clients cannot send them in a
// header.
func cleanLine(line string) (string, error) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if !utf8.ValidString(line) {
		return "", errors.New("not UTF-8: save the file as UTF-8")
	}
	if strings.ContainsFunc(line, func(char rune) bool { return char != '\t' && unicode.IsControl(char) }) {
		return "", errors.New("control character: remove it")
	}
	return strings.Trim(line, " \t"), nil
}

func (p *fileParser) add(number int, entry *fileEntry) error {
	label := safeLabel(entry.label, entry.secret)
	key, err := NewKey(entry.label, entry.secret, entry.from, entry.until)
	if err != nil {
		return err
	}
	if line, duplicate := p.labels[key.Label]; duplicate {
		return fmt.Errorf("key %s: same label as line %d: write another label", label, line)
	}
	if line, duplicate := p.secrets[key.id]; duplicate {
		return fmt.Errorf("key %s: same secret as line %d: write another secret", label, line)
	}
	p.labels[key.Label], p.secrets[key.id] = number, number
	p.keys = append(p.keys, key)
	return nil
}

// fileEntry is the content of one line.
type fileEntry struct {
	label, secret string
	from, until   time.Time
}

// parseLabelled reads a label, a secret, and its validity period. Errors quote no field until it is certain which field is the
// secret.
func parseLabelled(line string) (fileEntry, error) {
	fields := strings.FieldsFunc(line, func(char rune) bool { return char == ' ' || char == '\t' })
	if err := checkLabel(fields[0]); err != nil {
		return fileEntry{}, err
	}
	if len(fields) > 1 && fields[1][0] == '=' {
		return fileEntry{}, errors.New("blank before =: write NAME=value, or a secret that does not begin with =")
	}
	if len(fields)%2 != 0 {
		return fileEntry{}, errors.New("wrong number of fields: write label secret [from <time>] [until <time>]")
	}
	entry := fileEntry{label: fields[0], secret: fields[1]}
	for fields = fields[2:]; len(fields) > 0; fields = fields[2:] {
		if err := entry.setTime(fields[0], fields[1]); err != nil {
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
		return errors.New("unknown field after the secret: write from <time> or until <time>")
	}
	if !limit.IsZero() {
		return fmt.Errorf("key %s: duplicate %s: write it once", safeLabel(e.label, e.secret), name)
	}
	parsed, err := time.Parse(time.RFC3339, value)
	if err != nil || parsed.IsZero() { // the error quotes the value; the zero time would mean no limit
		return fmt.Errorf("key %s: invalid time after %s: write a time such as 2006-01-02T15:04:05Z", safeLabel(e.label, e.secret), name)
	}
	*limit = parsed
	return nil
}

// LooksLikeSecret reports whether a label is probably a misplaced secret.
func LooksLikeSecret(label string) bool { return secretShape.MatchString(label) }

func checkLabel(label string) error {
	if !labelShape.MatchString(label) {
		return errors.New("invalid label: write at most 64 of letters, digits, dot, dash and underscore")
	}
	if LooksLikeSecret(label) {
		return errors.New("label looks like a secret: write a label before the secret")
	}
	return nil
}
