package keys

import (
	"errors"
	"regexp"

	"github.com/joho/godotenv"
)

var (
	// dotenvStart tells NAME=value from label secret: a label holds no =, and no key is called export.
	dotenvStart = regexp.MustCompile(`^(?:export[ \t]|[^ \t]*=)`)
	dotenvShape = regexp.MustCompile(`^(?:export[ \t]+)?([^ \t=]+)=(.+)$`)
	// dotenvValue is a value that every reader of dotenv files takes for the same. The application must not read another
	// secret than the gate, and readers disagree on dollars, backslashes, and blanks and quotes inside a value.
	dotenvValue = regexp.MustCompile("^('[^']*'|\"[^\"\\\\$`]*\"|[^\\s\\pZ\"'\\\\$`=][^\\s\\pZ\"'\\\\$`]*)(?:[ \t]+#.*)?$")
)

// parseDotenv reads one NAME=value. It is parsed alone: a quote that is not closed must not swallow the lines behind it,
// and a value must not be made of others. Errors repeat nothing: a secret with a = inside looks like NAME=value too.
func parseDotenv(line string) (fileEntry, error) {
	statement := dotenvShape.FindStringSubmatch(line)
	if statement == nil {
		return fileEntry{}, errors.New("want NAME=value without blanks around =, got something else")
	}
	name := statement[1]
	if err := checkLabel(name); err != nil {
		return fileEntry{}, err
	}
	value := dotenvValue.FindStringSubmatch(statement[2])
	if value == nil {
		return fileEntry{}, errors.New("want one plain or quoted value (in single quotes if it holds $, \\ or `), got something else")
	}
	parsed, err := godotenv.Unmarshal(name + "=" + value[1])
	if err != nil { // it quotes the line
		return fileEntry{}, errors.New("want NAME=value with letters, digits, _ and . in the name, got something else")
	}
	return fileEntry{label: name, secret: parsed[name]}, nil
}
