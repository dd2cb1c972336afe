package usher

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/scan2food/usher/internal/testsite"
)

var (
	shellBlock    = regexp.MustCompile("(?ms)^ *```(?:sh|bash|console)\n(.*?)^ *```")
	imageStep     = regexp.MustCompile(`(?m)^RUN (.*)$`)
	caddyImage    = regexp.MustCompile(`(?m)^FROM caddy:([0-9.]+)`)
	inlineCommand = regexp.MustCompile("`(caddy [a-z][^`\n]*)`")
	heredoc       = regexp.MustCompile(`<<'?(\w+)'?`)
	assignment    = regexp.MustCompile(`^\w+=`)
	inRepository  = regexp.MustCompile(`^(?:\./|\.\./)*(?:\.ci|bench|cmd|docs|e2e|examples|handler|systemd)/`)
)

// programs are those of a shell, and of packages that the manual has its reader install. They are not ours, so only their syntax is
// checked.
var programs = strings.Fields(`apt-get cat cp curl done dpkg-divert echo export for git grep head install kill ln mkdir mv node npm
	openssl podman python python3 rm rsync sed set sh sleep tail update-alternatives true usermod`)

// Every command of the manual exists. The commands of Caddy and usher have these arguments and flags, packages and tests of Go
// exist, and so do files of the repository.
func TestCommandsOfTheManual(t *testing.T) {
	t.Parallel()
	checked := 0
	for name, content := range manual(t) {
		page := &commands{page: name, functions: fmt.Sprint(regexp.MustCompile(`(?m)^\w+\(\) \{`).FindAllString(content, -1))}
		for _, image := range caddyImage.FindAllStringSubmatch(content, -1) {
			if err := checkXcaddy([]string{"build", "v" + image[1]}); err != nil {
				t.Errorf("%s: %s: %v", name, image[0], err)
			}
		}
		for _, block := range slices.Concat(shellBlock.FindAllStringSubmatch(content, -1), imageStep.FindAllStringSubmatch(content, -1)) {
			for _, words := range parseShell(block[1]) {
				checked++
				if err := page.check(words); err != nil {
					t.Errorf("%s: %s: %v", name, strings.Join(words, " "), err)
				}
			}
		}
		for _, span := range inlineCommand.FindAllStringSubmatch(fence.ReplaceAllString(content, ""), -1) {
			checked++
			if err := checkCaddy(parseShell(span[1])[0][1:], false); err != nil {
				t.Errorf("%s: %s: %v", name, span[1], err)
			}
		}
	}
	if checked < 80 {
		t.Errorf("found %d commands", checked)
	}
}

// The shell parses every block.
func TestShellOfTheManual(t *testing.T) {
	t.Parallel()
	bash := testsite.Tool(t, "bash", "bash")
	for name, content := range manual(t) {
		for _, block := range shellBlock.FindAllStringSubmatch(content, -1) {
			command := exec.Command(bash, "-n")
			command.Stdin = strings.NewReader(block[1])
			if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s: %v\n%s%s", name, err, out, block[1])
			}
		}
	}
}

// parseShell returns the simple commands of a script, as words without quotes. Commands in $( ) come after the one that they are in.
func parseShell(script string) [][]string {
	for at := heredoc.FindStringSubmatchIndex(script); at != nil; at = heredoc.FindStringSubmatchIndex(script) {
		line, document, _ := strings.Cut(script[at[1]:], "\n")
		_, rest, _ := strings.Cut("\n"+document, "\n"+script[at[2]:at[3]]+"\n")
		script = script[:at[0]] + line + "\n" + rest
	}
	var found, nested [][]string
	var words []string
	word, inWord, quote := "", false, byte(0)
	endWord := func() {
		if inWord {
			words = append(words, word)
		}
		word, inWord = "", false
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			found = append(found, words)
		}
		words = nil
	}
	for i := 0; i < len(script); i++ {
		c := script[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(script):
			i++
			if script[i] != '\n' {
				word, inWord = word+script[i:i+1], true
			}
		case quote != '\'' && strings.HasPrefix(script[i:], "$("):
			end, depth := i+2, 1
			for ; end < len(script) && depth > 0; end++ {
				depth += strings.Count(script[end:end+1], "(") - strings.Count(script[end:end+1], ")")
			}
			nested = append(nested, parseShell(script[i+2:end-1])...)
			word, inWord, i = word+"$( )", true, end-1
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word += string(c)
			}
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '#' && !inWord:
			for i+1 < len(script) && script[i+1] != '\n' {
				i++
			}
		case strings.IndexByte(" \t", c) >= 0:
			endWord()
		case strings.IndexByte("\n;|&(){}", c) >= 0 && (strings.IndexByte("{}", c) < 0 || !inWord):
			endCommand()
		default:
			word, inWord = word+string(c), true
		}
	}
	endCommand()
	return append(found, nested...)
}

// commands checks the commands of one page.
type commands struct {
	page      string
	functions string // that the page defines
	inside    string // the directory that the last cd entered
}

func (p *commands) check(words []string) error {
	for len(words) > 0 && (assignment.MatchString(words[0]) || words[0] == "sudo" || words[0] == "do") {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	for _, word := range words {
		if inRepository.MatchString(word) && !strings.Contains(word, "...") && !p.exists(word) {
			return fmt.Errorf("%s does not exist", word)
		}
	}
	name, args := words[0], words[1:]
	switch path.Base(name) {
	case "caddy", "caddy.new":
		return checkCaddy(args, true)
	case "go":
		return p.checkGo(args)
	case "xcaddy":
		return checkXcaddy(args)
	case "systemctl":
		if last := words[len(words)-1]; !slices.Contains([]string{"caddy", "nginx"}, last) && !p.exists("examples/django/systemd/"+last+".service") {
			return fmt.Errorf("%s is no unit of the examples", last)
		}
		return nil
	case "cd":
		p.inside = args[0]
		return nil
	}
	switch {
	case slices.Contains(programs, path.Base(name)), p.exists(name), strings.Contains(p.functions, name+"()"):
		return nil
	}
	return fmt.Errorf("%s is no known program", name)
}

// exists reports whether a file exists, from the root of the repository, the page, or the directory that the page entered.
func (p *commands) exists(name string) bool {
	for _, directory := range []string{".", filepath.Dir(p.page), p.inside} {
		if _, err := os.Stat(filepath.Join(directory, filepath.FromSlash(name))); err == nil {
			return true
		}
	}
	return false
}

// checkCaddy parses the arguments of a command of Caddy, as Caddy does. A command in a sentence may leave out arguments.
func checkCaddy(args []string, complete bool) error {
	definition, found := caddycmd.Commands()[args[0]]
	if !found && (args[0] == "completion" || args[0] == "manpage") { // Caddy adds them when it starts
		return nil
	}
	if !found {
		return fmt.Errorf("Caddy has no command %s", args[0])
	}
	root := &cobra.Command{Use: definition.Name}
	if definition.CobraFunc != nil {
		definition.CobraFunc(root)
	}
	if definition.Flags != nil {
		root.Flags().AddGoFlagSet(definition.Flags)
	}
	args = args[1:]
	if at := slices.Index(args, ">"); at >= 0 {
		args = args[:at]
	}
	command, rest, err := root.Find(args)
	switch {
	case err != nil:
		return err
	case command.HasSubCommands() && len(rest) > 0 && !strings.Contains(rest[0], "|"):
		return fmt.Errorf("%s has no command %q", command.Name(), rest[0])
	case complete:
		if err := command.ParseFlags(rest); err != nil {
			return err
		}
		return command.ValidateArgs(command.Flags().Args())
	}
	for _, word := range rest {
		if name, isFlag := strings.CutPrefix(word, "--"); isFlag && command.Flag(name) == nil && command.InheritedFlags().Lookup(name) == nil {
			return fmt.Errorf("%s has no flag %s", command.Name(), word)
		}
	}
	return nil
}

// checkGo looks for the packages of a command, and for the tests or benchmarks that it runs.
func (p *commands) checkGo(args []string) error {
	var tests, packages []string
	for i := 1; i < len(args); i++ {
		switch {
		case (args[i] == "-run" || args[i] == "-bench") && args[i+1] != "^$" && args[i+1] != ".":
			tests = append(tests, args[i+1])
			i++
		case strings.HasPrefix(args[i], "./"):
			packages = append(packages, strings.TrimSuffix(args[i], "/..."))
		}
	}
	for _, name := range packages {
		sources, err := filepath.Glob(filepath.Join(filepath.FromSlash(name), "*.go"))
		if err != nil || len(sources) == 0 && !p.exists(name) {
			return fmt.Errorf("no package %s", name)
		}
	}
	for _, pattern := range tests {
		found := false
		for _, name := range packages {
			sources, _ := filepath.Glob(filepath.Join(filepath.FromSlash(name), "*_test.go"))
			for _, source := range sources {
				content, err := os.ReadFile(source)
				if err != nil {
					return err
				}
				for _, function := range regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`).FindAllSubmatch(content, -1) {
					found = found || regexp.MustCompile(pattern).Match(function[1])
				}
			}
		}
		if !found {
			return fmt.Errorf("no test or benchmark matches %s", pattern)
		}
	}
	return nil
}

// checkXcaddy compares the version of Caddy with that of go.mod, and the modules with those of the repository.
func checkXcaddy(args []string) error {
	modules, err := os.ReadFile("go.mod")
	if err != nil {
		return err
	}
	example, err := os.ReadFile("examples/cluster/go.mod")
	if err != nil {
		return err
	}
	for i, arg := range args {
		name, version, _ := strings.Cut(arg, "@")
		switch {
		case i == 1 && args[0] == "build" && !strings.Contains(string(modules), "github.com/caddyserver/caddy/v2 "+arg+"\n"):
			return fmt.Errorf("go.mod has another version of Caddy than %s", arg)
		case i > 0 && args[i-1] == "--with" && name != "github.com/scan2food/usher" && !strings.Contains(string(example), "\t"+name+" "+version):
			return fmt.Errorf("%s is no module of the examples", arg)
		}
	}
	return nil
}
