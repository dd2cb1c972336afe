package keys

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/joho/godotenv"
)

var (
	// dotenvStart distinguishes NAME=value from "label secret": a label contains no =, and no key is named export.
	dotenvStart = regexp.MustCompile(`^(?:export[ \t]|[^ \t]*=)`)
	dotenvShape = regexp.MustCompile(`^(?:export[ \t]+)?([^ \t=]+)=(.*)$`)
	// dotenvValue matches values that all dotenv parsers read alike. Parsers disagree on dollars, backslashes, and on blanks
	// and quotes inside a value. The application must not read another secret than the gate.
	dotenvValue = regexp.MustCompile("^('[^']*'|\"[^\"\\\\$`]*\"|[^\\s\\pZ\"'\\\\$`=][^\\s\\pZ\"'\\\\$`]*)(?:[ \t]+#.*)?$")
)

// dotenvOpen is a value in quotes that does not end on its line.
var dotenvOpen = regexp.MustCompile("^[^=]*=[ \t]*(?:\"(?:[^\"\\\\]|\\\\.)*\\\\?|'[^']*|`[^`]*)$")

// dotenvName returns the name of a line, "" for a line of another form. A value of several lines is an error: its later lines
// would look like keys.
func dotenvName(line string) (string, error) {
	if dotenvOpen.MatchString(line) {
		return "", errors.New("want each value on one line; write the keys into a file of their own")
	}
	statement := dotenvShape.FindStringSubmatch(line)
	if statement == nil {
		return "", nil
	}
	return statement[1], nil
}

// parseDotenv reads one NAME=value. It is parsed alone: a quote that is not closed must not swallow the lines behind it,
// and a value must not be made of others. Errors repeat nothing: a secret with a = inside looks like NAME=value too.
func parseDotenv(line string) (fileEntry, error) {
	statement := dotenvShape.FindStringSubmatch(line)
	if statement == nil {
		return fileEntry{}, errors.New("malformed line: write NAME=value without blanks around =")
	}
	name := statement[1]
	if err := checkLabel(name); err != nil {
		return fileEntry{}, err
	}
	if statement[2] == "" {
		return fileEntry{}, fmt.Errorf("key %s: empty value: write one or remove the name", name)
	}
	value := dotenvValue.FindStringSubmatch(statement[2])
	if value == nil {
		return fileEntry{}, errors.New("ambiguous value: write one plain or quoted value (single quotes around $, \\ or `)")
	}
	parsed, err := godotenv.Unmarshal(name + "=" + value[1])
	if err != nil { // the error quotes the line
		return fileEntry{}, errors.New("malformed name: write NAME=value with letters, digits, _ and . in the name")
	}
	return fileEntry{label: name, secret: parsed[name]}, nil
}
