// Package command adds `caddy usher`: commands for operators, most of which ask the admin API of a running Caddy.
package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/operate/report"
)

// Exit codes.
const (
	// exitFailed is for commands that could not do their work: wrong arguments, no answer, an error of the admin API.
	exitFailed = 1
	// exitNegative is for commands whose answer is no: not ready, rejected, not verified, verdicts to fix, sockets left after --wait.
	exitNegative = 2
)

// Command returns the command `usher` with its subcommands.
func Command() caddycmd.Command {
	return caddycmd.Command{
		Name:  "usher",
		Usage: "<command>",
		Short: "Shows and operates WebSockets and versioned assets",
		Long: `Shows and operates the WebSockets and the versioned assets of a running Caddy, and checks sites.

Most commands ask the admin API of Caddy, at --address. All print JSON with --json.

Exit codes: 0 success; 1 the command could not do its work; 2 its answer is no
(not ready, rejected, not verified, something to fix, sockets left).`,
		CobraFunc: func(root *cobra.Command) {
			root.PersistentFlags().Bool("json", false, "Print JSON")
			rejectUnknown(root)
			root.AddCommand(statusCommand(), socketsCommand(), closeCommand(), keysCommand(), ticketCommand(), explainCommand(),
				assetsCommand(), purgeCommand(), drainCommand(), undrainCommand(), checkCommand(), auditCommand(), versionCommand())
		},
	}
}

// rejectUnknown makes an unknown subcommand of a group an error. Without a subcommand, the group prints its help.
func rejectUnknown(group *cobra.Command) *cobra.Command {
	group.Args = cobra.NoArgs
	group.RunE = func(group *cobra.Command, _ []string) error { return group.Help() }
	group.SilenceUsage = true
	return group
}

// add makes a subcommand. run returns whether the answer is yes.
func add(use, short, long string, args cobra.PositionalArgs, run func(c *call) (bool, error)) *cobra.Command {
	command := &cobra.Command{Use: use, Short: short, Long: long, Args: args}
	command.RunE = func(command *cobra.Command, args []string) error {
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) {
			c := &call{command: command, args: args, out: command.OutOrStdout(), errors: command.ErrOrStderr(), in: command.InOrStdin()}
			yes, err := run(c)
			switch {
			case err != nil:
				return exitFailed, err
			case !yes:
				command.SilenceErrors = true // the answer was printed
				return exitNegative, nil
			default:
				return 0, nil
			}
		})(command, args)
	}
	command.SilenceUsage = true
	return command
}

// askAdmin adds the flags of commands that ask the admin API.
func askAdmin(command *cobra.Command) *cobra.Command {
	command.Flags().String("address", "", "The address of the admin API. Default: that of --config, else localhost:2019")
	command.Flags().StringP("config", "c", "", "A configuration file that names the address of the admin API")
	command.Flags().StringP("adapter", "a", "", "The adapter of the configuration file")
	return command
}

// call is one call of a command.
type call struct {
	command *cobra.Command
	args    []string
	out     io.Writer
	errors  io.Writer
	in      io.Reader
}

func (c *call) text(flag string) string {
	value, _ := c.command.Flags().GetString(flag)
	return value
}

func (c *call) isSet(flag string) bool {
	value, _ := c.command.Flags().GetBool(flag)
	return value
}

func (c *call) duration(flag string) time.Duration {
	value, _ := c.command.Flags().GetDuration(flag)
	return value
}

// json prints the answer if --json is set.
func (c *call) json(answer any) bool {
	if !c.isSet("json") {
		return false
	}
	encoder := json.NewEncoder(c.out)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(answer)
	return true
}

func (c *call) printf(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format, args...) }

// progressf prints progress, to standard error.
func (c *call) progressf(format string, args ...any) { _, _ = fmt.Fprintf(c.errors, format, args...) }

// maxAnswer bounds an answer of the admin API, in bytes.
const maxAnswer = 64 << 20

// admin asks an endpoint of the admin API. body may be nil.
func (c *call) admin(method, uri string, body, answer any) error {
	address, err := caddycmd.DetermineAdminAPIAddress(c.text("address"), nil, c.text("config"), c.text("adapter"))
	if err != nil {
		return fmt.Errorf("finding the admin API: %w", err)
	}
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(encoded)
	}
	response, err := caddycmd.AdminAPIRequest(address, method, "/usher/"+uri, nil, reader)
	if err != nil {
		return fmt.Errorf("asking the admin API at %s: %w", address, err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("reading the answer of the admin API: %w", err)
	}
	return nil
}

// isTerminal reports whether a writer is a terminal that shows colours.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// filterFlags adds a flag for each filter of sockets.
func filterFlags(command *cobra.Command) {
	for _, name := range report.FilterNames() {
		command.Flags().String(name, "", "Only sockets of this "+name)
	}
}

// filters returns the filters that are set.
func (c *call) filters() (url.Values, error) {
	values := make(url.Values)
	for _, name := range report.FilterNames() {
		if c.command.Flags().Changed(name) {
			values.Set(name, c.text(name))
		}
	}
	if _, err := report.ParseSocketQuery(values); err != nil {
		return nil, fmt.Errorf("--%w", err) // the error begins with the name
	}
	return values, nil
}
