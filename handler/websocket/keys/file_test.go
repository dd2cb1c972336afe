package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
)

const (
	secretA = "Zq9xKw7vTm2pLr5n"
	secretB = "hB4cYd8sGf3jUe6a"
)

func digestForm(secret string) string {
	digest := sha256.Sum256([]byte(secret))
	return "sha256:" + hex.EncodeToString(digest[:])
}

// labels returns the labels of keys with their validity periods.
func labels(keys []Key) string {
	var shown []string
	for _, key := range keys {
		text := key.Label
		if !key.From.IsZero() {
			text += " from " + key.From.Format(time.DateOnly)
		}
		if !key.Until.IsZero() {
			text += " until " + key.Until.Format(time.DateOnly)
		}
		shown = append(shown, text)
	}
	return strings.Join(shown, ", ")
}

func TestParseFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, want, why string }{
		{"labelled", "old " + secretA + "\nnew " + secretB + "\n", "old, new", "one key a line"},
		{"order", "z " + secretB + "\na " + secretA + "\n", "z, a", "keys keep the order of the file"},
		{"comments and blanks", "\n# old keys\n \t\n  # more\nold\t " + secretA + " \n", "old", "blank lines and comments are ignored"},
		{"limits", "old " + secretA + " from 2026-01-01T00:00:00Z until 2026-02-01T00:00:00+05:30\n",
			"old from 2026-01-01 until 2026-02-01", "keys overlap during a rotation"},
		{"limits turned", "old " + secretA + " until 2026-02-01T00:00:00Z from 2026-01-01T00:00:00Z\n",
			"old from 2026-01-01 until 2026-02-01", "the limits may have any order"},
		{"digest", "old " + digestForm(secretA) + "\n", "old", "the file may hold digests only"},
		{"base64", "old " + secretA + "==\n", "old", "a = inside a secret is not dotenv"},
		{"no last newline", "old " + secretA, "old", "the last line may lack a line feed"},
		{"Windows", "\ufeffold " + secretA + "\r\nnew " + secretB + "\r\n", "old, new", "Windows editors write a byte order mark and CRLF"},
		{"dotenv", "OLD=" + secretA + "\nexport NEW=" + secretB + "\n", "OLD, NEW", "the application's own file"},
		{"dotenv quotes", "OLD='" + secretA + "'\nNEW=\"" + secretB + "\" # new\n", "OLD, NEW", "as shells write them"},
		{"dotenv comment", "OLD=" + secretA + " # a # b\n", "OLD", "a comment is not part of the value"},
		{"dotenv with other secrets", "DJANGO_SECRET_KEY='" + secretB + "'\nOLD=" + secretA + "\n# NEW=" + secretB + "\nDEBUG = on\nMOTTO=it's fine\n", "OLD",
			"only the named value is a key"},
		{"dotenv order", "B=" + secretA + "\nA=" + secretB + "\n", "B, A", "keys keep the order of the file"},
		{"dotenv digest", "OLD=" + digestForm(secretA) + "\n", "OLD", "dotenv files may hold digests"},
	} {
		var names []string
		if strings.HasPrefix(c.name, "dotenv") {
			names = strings.Split(c.want, ", ")
		}
		keys, err := ParseFile([]byte(c.file), names...)
		if got := labels(keys); err != nil || got != c.want {
			t.Errorf("ParseFile(%s) = %q, %v, want %q (%s)", c.name, got, err, c.want, c.why)
		}
	}
}

// The secret that ParseFile reads equals the one that the application reads from the same file.
func TestParseFileReadsTheSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, secret, why string }{
		{"labelled", "old " + secretA + "==\n", secretA + "==", "the whole word"},
		{"hash inside", "old #" + secretA + "\n", "#" + secretA, "a comment begins a line"},
		{"dotenv", "OLD=" + secretA + "#==\n", secretA + "#==", "a # after a character belongs to the value"},
		{"dotenv comment", "OLD=" + secretA + " # a # b\n", secretA, "a comment begins at the first # after a blank"},
		{"double quotes", "OLD=\"" + secretA + " # b\"\n", secretA + " # b", "a # inside quotes belongs to the value"},
		{"single quotes", "OLD='a$B\\n`" + secretA + "'\n", "a$B\\n`" + secretA, "single quotes hold literal text"},
		{"digest", "OLD=" + digestForm(secretA) + "\n", secretA, "the digest itself is no key"},
	} {
		var names []string
		if strings.HasPrefix(c.file, "OLD=") {
			names = []string{"OLD"}
		}
		keys, err := ParseFile([]byte(c.file), names...)
		if err != nil {
			t.Errorf("ParseFile(%s): %v", c.name, err)
			continue
		}
		ring := mustRing(t, map[string][]Key{"chat": keys})
		if got := ring.Check("chat", c.secret, noon); got.Status != Good || got.Label != keys[0].Label {
			t.Errorf("ParseFile(%s) read another secret (%s)", c.name, c.why)
		}
	}
}

func TestParseFileRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	for _, c := range []struct{ name, file, want, why string }{
		{"empty", "", "at least one key", "a truncated file must not disable all routes"},
		{"comments only", "# old " + secretA + "\n", "at least one key", "neither must a file of comments"},
		{"too long", strings.Repeat("#", MaxFileSize+1), "at most 1048576 bytes", "some other file"},
		{"NUL", "# a\n#\x00\n", "line 2: control character", "not a text file"},
		{"control", "old " + secretA + "\x1b\n", "line 1: control character", "no header can hold it"},
		{"not UTF-8", "old " + secretA + "\xff\n", "line 1: not UTF-8", "another encoding is another secret"},
		{"UTF-16", "\xff\xfeo\x00l\x00d\x00", "line 1: not UTF-8", "another encoding is another secret"},
		{"one word", "old\n", "line 1: wrong number of fields: write label secret", "the label or the secret is missing"},
		{"secret alone", secretA + secretB + "\n", "line 1: wrong number of fields: write label secret", "it must not be repeated"},
		{"passphrase", "correct horse battery staple\n", "line 1: unknown field after the secret", "the error must not repeat a word of the line"},
		{"short", "# keys\n\nold short\n", "line 3: key old: want a secret of at least 16 characters, got 5", "guessable"},
		{"swapped", secretA + " old\n", "line 1: key (not shown): want a secret", "the label is the secret"},
		{"swapped and short", "hunter2hunter2 old\n", "line 1: key (not shown): want a secret", "a short secret in place of the label"},
		{"swapped, other characters", "pass!" + secretA + " old\n", "line 1: invalid label", "the label is the secret"},
		{"swapped base64", "abcdefghijklmn== old\n", "line 1: want label secret", "it looks like NAME=value"},
		{"swapped hexadecimal", strings.Repeat("0af1", 8) + " chat-service-2026\n", "line 1: label looks like a secret",
			"otherwise log lines would show the secret as a label"},
		{"long label", long + " " + secretA + "\n", "line 1: invalid label", "labels appear in logs and metrics"},
		{"reference", "old " + secretA + "\nnew ${SECRET_OF_B}\n", "line 2: key new: the secret is an unresolved reference", "everybody knows the name"},
		{"quotes", "old " + secretA + "\nnew \"" + secretB + "\"\n", "line 2: key new: the secret is in quotes", "no client sends them"},
		{"label twice", "old " + secretA + "\nold " + secretB + "\n", "line 2: key old: same label as line 1",
			"ambiguous"},
		{"secret twice", "old " + secretA + "\n\nnew " + secretA + "\n", "line 3: key new: same secret as line 1",
			"the label is ambiguous"},
		{"secret twice as digest", "old " + secretA + "\nnew " + digestForm(secretA) + "\n", "line 2: key new: same secret as line 1",
			"the same in another form"},
		{"bad digest", "old sha256:" + secretA + "\n", "line 1: key old: want 64 hex digits", "cut off"},
		{"comment behind", "old " + secretA + " # the old one\n", "line 1: unknown field", "it may be part of the secret"},
		{"no time", "old " + secretA + " until tomorrow\n", "line 1: key old: invalid time after until", "not RFC 3339"},
		{"secret as time", "old " + secretA + " until " + secretB + "\n", "line 1: key old: invalid time after until", "it must not be repeated"},
		{"zero time", "old " + secretA + " until 0001-01-01T00:00:00Z\n", "line 1: key old: invalid time after until", "zero means never"},
		{"until twice", "old " + secretA + " until 2026-01-01T00:00:00Z until 2027-01-01T00:00:00Z\n",
			"line 1: key old: duplicate until", "ambiguous"},
		{"ends before it begins", "old " + secretA + " from 2026-01-01T00:00:00Z until 2025-01-01T00:00:00Z\n",
			"line 1: key old: want from before until", "never good"},
		{"both forms", "old " + secretA + "\nNEW=" + secretB + "\n", "line 2: want label secret; for a dotenv file", "a file of something else"},
		{"dotenv without names", "DJANGO_SECRET_KEY=" + secretB + "\n", "line 1: want label secret; for a dotenv file", "not every secret of a site opens a socket"},
		{"export", "export OLD=" + secretB + "\n", "line 1: want label secret; for a dotenv file", "the same"},
		{"blanks around =", "OLD = " + secretA + "\n", "line 1: blank before =", "the secret is not ="},
		{"blank before =", "OLD =" + secretA + "\n", "line 1: blank before =", "the secret begins behind it"},
	} {
		_, err := ParseFile([]byte(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseFile(%s) = %v, want an error with %q (%s)", c.name, err, c.want, c.why)
			continue
		}
		for _, secret := range []string{secretA, secretB, long, "hunter2", "abcdefghijklmn", "0af1", "horse", "tomorrow"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("ParseFile(%s) repeats %s: %v", c.name, secret, err)
			}
		}
	}
}

// Lines of a dotenv file are rejected if parsers could disagree on them, or if a name has no line.
func TestParseDotenvRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, want, why string }{
		{"blank behind =", "B= " + secretA + "\n", "line 1: ambiguous value", "a shell reads an empty value"},
		{"open quote", "B=\"" + secretA + "\nNEW=" + secretB + "\"\n", "line 1: want each value on one line", "half written"},
		{"open single quote", "B='" + secretA + "\n", "line 1: want each value on one line", "half written"},
		{"behind the quote", "B=\"" + secretA + "\" OLD=\"" + secretB + "\"\n", "line 1: ambiguous value", "ambiguous"},
		{"variable", "A=" + secretA + "\nB=${A}" + secretB + "\n", "line 2: ambiguous value", "parsers disagree"},
		{"quoted variable", "B=\"$A" + secretB + "\"\n", "line 1: ambiguous value", "parsers disagree"},
		{"backslash", "B=a\\b" + secretB + "\n", "line 1: ambiguous value", "parsers disagree"},
		{"two words", "B=" + secretA + " " + secretB + "\n", "line 1: ambiguous value", "a shell would run the second word"},
		{"empty value", "B=\n", "line 1: key B: empty value: write one or remove the name", "the line is there"},
		{"name without a line", "OLD=" + secretA + "\n", "no line B=value; write one or remove the name", "a named key without a value is a mistake"},
		{"plain lines", "B " + secretA + "\n", "no line B=value", "the file has no names"},
		{"reference", "A=" + secretA + "\nB='${SECRET_OF_B}'\n", "line 2: key B: the secret is an unresolved reference", "everybody knows the name"},
		{"name twice", "B=" + secretA + "\nB=" + secretB + "\n", "line 2: key B: same label", "ambiguous"},
		{"value of several lines", "PEM=\"-----BEGIN\nB=" + secretA + "\n\"\n", "line 1: want each value on one line", "the second line is not a key"},
		{"several lines in single quotes", "PEM='a\nB=" + secretA + "\n'\n", "line 1: want each value on one line", "the second line is not a key"},
		{"several lines after an escape", "PEM=\"a\\\"\nB=" + secretA + "\n\"\n", "line 1: want each value on one line", "the second line is not a key"},
	} {
		_, err := ParseFile([]byte(c.file), "B")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseFile(%s) = %v, want an error with %q (%s)", c.name, err, c.want, c.why)
			continue
		}
		for _, secret := range []string{secretA, secretB} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("ParseFile(%s) repeats %s: %v", c.name, secret, err)
			}
		}
	}
}

// Errors contain no three consecutive characters of a secret, and no long word of the file.
func FuzzParseFile(f *testing.F) {
	const marker = "SECRET" // position of the secret
	const secret = "Zq9xKw7v?Tm2pLr5n"
	for _, seed := range []string{
		"", "old SECRET\n", "SECRET old\n", "SECRET== old", "old SECRET from 2026-01-01T00:00:00Z until 2025-01-01T00:00:00Z",
		"a SECRET\nb SECRET\n", "old x SECRET", "old " + secretA + " from SECRET", "A=SECRET\nB=SECRET", "A=\"SECRET", "A='SECRET\\'",
		"export A='SECRET' # x", "A=$SECRET", "SECRET=" + secretA, "A-B=SECRET", "\ufeffa\x00SECRET", "a sha256:SECRET", "SECRET",
		"a " + secretA + "\r\nb " + secretB + "\n", "A=\"" + secretA + "\"\n#\nB=" + secretB,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		text := strings.ReplaceAll(template, marker, secret)
		var names []string
		if strings.Contains(template, "=") && len(template)%2 == 0 {
			names = []string{"A", "B"}[:1+len(template)%3/2]
		}
		keys, err := ParseFile([]byte(text), names...)
		if err != nil {
			checkParts(t, err.Error(), template, secret)
			checkWords(t, err.Error(), text)
			return
		}
		if len(keys) == 0 {
			t.Error("no key and no error")
		}
		for _, key := range keys {
			if checkLabel(key.Label) != nil {
				t.Errorf("a key has the label %q", key.Label)
			}
		}
		if _, err := NewRing(map[string][]Key{"chat": keys}); err != nil {
			t.Errorf("NewRing: %v", err)
		}
		if again, err := ParseFile([]byte(text), names...); err != nil || fmt.Sprint(again) != fmt.Sprint(keys) {
			t.Errorf("read again: %v, %v, want %v", again, err, keys)
		}
	})
}

// checkParts looks for parts of the secret that the template itself does not contain.
func checkParts(t *testing.T, message, template, secret string) {
	t.Helper()
	for i := range len(secret) - 2 {
		part := secret[i : i+3]
		if strings.Contains(message, part) && !strings.Contains(template, part) {
			t.Errorf("the error holds %q of the secret: %s", part, message)
		}
	}
}

// checkWords looks for words that are as long as a secret and are not a time.
func checkWords(t *testing.T, message, text string) {
	t.Helper()
	isGap := func(char rune) bool { return unicode.IsSpace(char) || strings.ContainsRune(`="'`, char) }
	for _, word := range strings.FieldsFunc(text, isGap) {
		if _, err := time.Parse(time.RFC3339, word); len(word) >= MinSecretLength && err != nil && strings.Contains(message, word) {
			t.Errorf("the error holds %q: %s", word, message)
		}
	}
}

// In a directory that changes all the time, such as one with a database, a key is read without delay: later events do not postpone
// the read.
func TestEventsDoNotPostponeAReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDelay(100 * time.Millisecond)
		began := time.Now()
		for range 50 {
			time.Sleep(10 * time.Millisecond)
			d.start()
			select {
			case <-d.timer.C:
				if waited := time.Since(began); waited > 110*time.Millisecond {
					t.Errorf("the file was read after %s, want 100ms", waited)
				}
				d.fired()
				d.start()
				if d.timer.Stop() != true {
					t.Error("an event after the reading does not start another delay")
				}
				return
			default:
			}
		}
		t.Error("no reading while events came")
	})
}

// Probable mistakes are rejected as secrets.
func TestNewKeyRejectsMistakes(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		" 0123456789abcdef0123", "0123456789abcdef0123\n", "change-me-0123456789", "changeme-changeme-changeme", "replace_this_0123456789",
		"your-secret-key-here", "<generated by openssl>", "xxxxxxxxxxxxxxxxxxxxxxxx", "********************", "0000000000000000",
		"django-insecure-0123456789abcdef", "TODO-0123456789abcdef", "secretsecretsecret", "my-key-my-key-my-key", "password12345678",
		"1234567890123456", "$LIVE_ORDERS_WS_KEY", "${LIVE_ORDERS_WS_KEY}", "{$LIVE_ORDERS_WS_KEY}", "{env.LIVE_ORDERS_WS_KEY}",
		"{file./run/secrets/key}", `"0123456789abcdef0123"`, "'0123456789abcdef0123'", "`0123456789abcdef0123`",
	} {
		if _, err := NewKey("chat", secret, time.Time{}, time.Time{}); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("NewKey(%q) = %v, want an error that does not show it", secret, err)
		}
	}
	for _, secret := range []string{
		"0123456789abcdef0123", "with blanks inside it", "exchange-meter-0123456789abcdef", "todos-0123456789abcdef",
		"$kX2f9Lq83Nz7Wp4b", "{0123456789abcdef", "0123456789abcdef0123456789abcdef", `"quote'0123456789'`,
	} {
		if _, err := NewKey("chat", secret, time.Time{}, time.Time{}); err != nil {
			t.Errorf("NewKey(%q) = %v", secret, err)
		}
	}
}
