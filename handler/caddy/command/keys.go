package command

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/websocket/keys"
)

func keysCommand() *cobra.Command {
	group := rejectUnknown(&cobra.Command{Use: "keys <command>", Short: "Makes, hashes and lists keys"})
	group.AddCommand(
		add("new [label]", "Makes a new key", "Makes a new random key, and prints the line of a keys file if there is a label.", cobra.MaximumNArgs(1), newKey),
		add("hash", "Prints the digest of a key", "Reads a key from the standard input and prints its sha256 digest, which a configuration may hold in its place.", cobra.NoArgs, hashKey),
		askAdmin(add("list", "Lists the keys in force", "Lists the keys in force: labels, validity, last use. Values are never shown.", cobra.NoArgs, listKeys)),
	)
	return group
}

// labelShape is what a keys file accepts as a label.
var labelShape = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func newKey(c *call) (bool, error) {
	var random [32]byte
	_, _ = rand.Read(random[:])
	made := struct {
		Label  string `json:"label,omitempty"`
		Secret string `json:"secret"`
		Digest string `json:"digest"`
	}{Secret: base64.RawURLEncoding.EncodeToString(random[:])}
	made.Digest = digestOf(made.Secret)
	if len(c.args) > 0 {
		if made.Label = c.args[0]; !labelShape.MatchString(made.Label) || keys.LooksLikeSecret(made.Label) {
			return false, errors.New("label: use a short name of letters, digits, _, . and -, such as chat-2026")
		}
	}
	switch {
	case c.json(made):
	case made.Label != "":
		c.printf("%s %s\n", made.Label, made.Secret)
	default:
		c.printf("%s\n", made.Secret)
	}
	return true, nil
}

func digestOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// maxSecret bounds a secret from the standard input, in bytes.
const maxSecret = 64 << 10

// readLine reads one line from the standard input.
func (c *call) readLine() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(c.in, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the standard input: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("nothing on the standard input: write one line")
	}
	return line, nil
}

func hashKey(c *call) (bool, error) {
	secret, err := c.readLine()
	if err != nil {
		return false, err
	}
	if strings.ContainsAny(secret, " \t") {
		return false, errors.New("blank in the key: write the key alone, without its label")
	}
	if _, err := keys.NewKey("of the standard input", secret, time.Time{}, time.Time{}); err != nil {
		return false, err
	}
	if keys.IsDigest(secret) {
		return false, errors.New("the standard input is a digest already: write the key itself")
	}
	digest := digestOf(secret)
	if !c.json(map[string]string{"digest": digest}) {
		c.printf("%s\n", digest)
	}
	return true, nil
}

func listKeys(c *call) (bool, error) {
	var list report.Keys
	if err := c.admin(http.MethodGet, "keys", nil, &list); err != nil {
		return false, err
	}
	if c.json(list) {
		return true, nil
	}
	now := time.Now()
	rows := [][]string{{"KEY", "ROUTE", "SITE", "VALID", "UNTIL", "LAST USE", "OPEN"}}
	for _, key := range list.Keys {
		valid, until := "yes", "-"
		if !key.Valid {
			valid = "NO"
		}
		if !key.Until.IsZero() {
			until = key.Until.Format(time.RFC3339)
		}
		rows = append(rows, []string{key.Key, key.Route, siteName(key.Hosts), valid, until, age(key.LastUse, now), fmt.Sprint(key.Open)})
	}
	c.table(rows)
	for _, file := range list.Files {
		if !file.Good {
			c.printf("%s %s of route %s: its previous keys are in force\n", emphasis(c.out, "INVALID"), file.Path, file.Route)
		}
	}
	return true, nil
}

func ticketCommand() *cobra.Command {
	group := rejectUnknown(&cobra.Command{Use: "ticket <command>", Short: "Makes and reads tickets"})
	create := add("new", "Makes a ticket", "Makes a ticket that opens routes, signed with the secret in an environment variable.", cobra.NoArgs, newTicket)
	create.Flags().StringSlice("route", nil, "A route that the ticket opens. Repeat it for more")
	create.Flags().String("user", "", "The user whose ticket it is")
	create.Flags().Duration("lifetime", keys.DefaultTicketLifetime, "How long the ticket is valid")
	create.Flags().String("secret-env", "USHER_TICKET_SECRET", "The environment variable with the secret")
	read := add("read", "Shows what a ticket says", "Reads a ticket from the standard input and shows its claims. With a secret in the environment variable it verifies the ticket.\nExit code 2: the ticket does not open --route, or there is no secret to verify it.", cobra.NoArgs, readTicket)
	read.Flags().String("route", "", "The route to verify the ticket for. Default: its first route")
	read.Flags().String("secret-env", "USHER_TICKET_SECRET", "The environment variable with the secret")
	group.AddCommand(create, read)
	return group
}

// tickets returns the tickets of the secret in the environment.
func (c *call) tickets(lifetime time.Duration) (*keys.Tickets, error) {
	name := c.text("secret-env")
	secret := os.Getenv(name)
	if secret == "" {
		return nil, fmt.Errorf("environment variable %s is empty: set it to the secret of the route's tickets", name)
	}
	return keys.NewTickets(keys.TicketConfig{Secrets: []string{secret}, Lifetime: lifetime})
}

func newTicket(c *call) (bool, error) {
	routes, _ := c.command.Flags().GetStringSlice("route")
	if len(routes) == 0 {
		return false, errors.New("no route: use --route")
	}
	lifetime := c.duration("lifetime")
	if lifetime <= 0 {
		return false, fmt.Errorf("--lifetime: want a time above 0, got %s", lifetime)
	}
	tickets, err := c.tickets(lifetime)
	if err != nil {
		return false, err
	}
	ticket, err := tickets.Issue(routes, c.text("user"), "", time.Now(), rand.Reader)
	if err != nil {
		return false, err
	}
	if !c.json(map[string]any{"ticket": ticket, "routes": routes}) {
		c.printf("%s\n", ticket)
	}
	return true, nil
}

// ticketReading is what `ticket read` prints.
type ticketReading struct {
	Header map[string]any `json:"header"`
	Claims map[string]any `json:"claims"`
	// Whether the signature was verified, and what is wrong with the ticket.
	Verified bool   `json:"verified"`
	Problem  string `json:"problem,omitempty"`
}

func readTicket(c *call) (bool, error) {
	ticket, err := c.readLine()
	if err != nil {
		return false, err
	}
	reading, err := decodeTicket(ticket)
	if err != nil {
		return false, err
	}
	if os.Getenv(c.text("secret-env")) != "" {
		if err := c.verify(ticket, &reading); err != nil {
			return false, err
		}
	}
	if !c.json(reading) {
		for _, name := range slices.Sorted(maps.Keys(reading.Claims)) {
			c.printf("%s: %v\n", name, readableClaim(name, reading.Claims[name]))
		}
		switch {
		case reading.Verified:
			c.printf("the ticket is valid\n")
		case reading.Problem != "":
			c.printf("the ticket is not valid: %s\n", reading.Problem)
		default:
			c.printf("not verified: set %s\n", c.text("secret-env"))
		}
	}
	return reading.Verified, nil
}

// readableClaim returns a date as a time.
func readableClaim(name string, value any) any {
	seconds, isNumber := value.(float64)
	if isDate := name == "exp" || name == "iat" || name == "nbf"; !isDate || !isNumber {
		return value
	}
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

func decodeTicket(ticket string) (reading ticketReading, err error) {
	parts := strings.Split(ticket, ".")
	if len(parts) != 3 || len(ticket) > keys.MaxTicketLength {
		return reading, errors.New("the standard input is no ticket: want three parts with dots between")
	}
	for i, into := range []*map[string]any{&reading.Header, &reading.Claims} {
		decoded, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(decoded, into) != nil {
			return reading, fmt.Errorf("the standard input is no ticket: part %d is no JSON object in base64url", i+1)
		}
	}
	return reading, nil
}

func (c *call) verify(ticket string, reading *ticketReading) error {
	tickets, err := c.tickets(keys.DefaultTicketLifetime)
	if err != nil {
		return err
	}
	route := c.text("route")
	if route == "" {
		switch audience := reading.Claims["aud"].(type) {
		case string:
			route = audience
		case []any:
			if len(audience) > 0 {
				route, _ = audience[0].(string)
			}
		}
	}
	result := tickets.Verify(ticket, route, "", time.Now())
	reading.Verified = result.Status == keys.Good
	if !reading.Verified {
		reading.Problem = result.Reason
		if reading.Problem == "" {
			reading.Problem = "it does not open route " + route + " now"
		}
	}
	return nil
}
