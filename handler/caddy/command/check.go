package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/operate/audit"
	"github.com/scan2food/usher/handler/operate/check"
	"github.com/scan2food/usher/handler/operate/verdict"
)

func checkCommand() *cobra.Command {
	command := add("check <page URL>", "Checks a page, its scripts and its WebSockets from outside", `Loads a page as a browser does, follows its scripts, styles and workers, and reads how they are cached.
It finds the WebSockets whose path is a literal in the scripts, and those of --key. It tries each without a
key, with a wrong key, and with the right key, which it reads from an environment variable. It prints a verdict a line, and how to fix it.
Exit code 2: a verdict is bad.`,
		cobra.ExactArgs(1), func(c *call) (bool, error) {
			key, paths, err := c.rightKeys()
			if err != nil {
				return false, err
			}
			ctx, cancel := context.WithTimeout(context.Background(), c.duration("timeout"))
			defer cancel()
			report, err := check.Run(ctx, check.Config{Page: c.args[0], Key: key, Paths: paths, Timeout: c.duration("request-timeout"), Progress: c.progress("")})
			if err != nil {
				return false, err
			}
			return c.printVerdicts(report), nil
		})
	command.Flags().String("key-env", "USHER_KEY", "The environment variable with the right key")
	command.Flags().StringSlice("key", nil, "The environment variable of the key of one path, such as /ws/chat/=CHAT_KEY. The path is tried also if no script names it. Repeat it for more")
	command.Flags().Duration("timeout", 2*time.Minute, "The most time for the check")
	command.Flags().Duration("request-timeout", 10*time.Second, "The most time for one request")
	return command
}

// rightKeys returns the keys of the environment by path, and the paths of --key.
func (c *call) rightKeys() (key func(path string) string, paths []string, err error) {
	byPath := make(map[string]string)
	mappings, _ := c.command.Flags().GetStringSlice("key")
	for _, mapping := range mappings {
		path, name, found := strings.Cut(mapping, "=")
		if !found || !strings.HasPrefix(path, "/") {
			return nil, nil, errors.New("--key: want a path and an environment variable, such as /ws/chat/=CHAT_KEY")
		}
		paths = append(paths, path)
		if byPath[path] = os.Getenv(name); byPath[path] == "" {
			return nil, nil, fmt.Errorf("--key: environment variable %s is empty", name)
		}
	}
	byDefault := os.Getenv(c.text("key-env"))
	return func(path string) string {
		if key := byPath[path]; key != "" {
			return key
		}
		return byDefault
	}, paths, nil
}

// progress returns a function that shows what a long command does, on terminals alone.
func (c *call) progress(prefix string) func(string) {
	if !isTerminal(c.errors) || c.isSet("json") {
		return nil
	}
	return func(what string) { c.progressf("%s%s\n", prefix, what) }
}

// printVerdicts prints a report, and returns whether no verdict is bad.
func (c *call) printVerdicts(report verdict.Report) bool {
	if report.Verdicts == nil {
		report.Verdicts = []verdict.Verdict{}
	}
	if c.json(report) {
		return !report.Bad
	}
	counts := make(map[verdict.Level]int)
	for _, v := range report.Verdicts {
		counts[v.Level]++
		level := fmt.Sprintf("%-4s", v.Level)
		if v.Level == verdict.Bad {
			level = emphasis(c.out, level)
		}
		remedy := ""
		if v.Remedy != "" {
			remedy = " -> " + v.Remedy
		}
		c.printf("%s  %s: %s%s\n", level, v.Subject, v.Found, remedy)
	}
	if report.LeftOut > 0 {
		c.printf("%d more verdicts are left out\n", report.LeftOut)
	}
	c.printf("%d bad, %d to look at, %d ok\n", counts[verdict.Bad], counts[verdict.Warn], counts[verdict.Good])
	return !report.Bad
}

func auditCommand() *cobra.Command {
	command := add("audit", "Looks through static files and templates for stale and leaking code", `Looks through the static files of a site and its templates: references without a version or with
one by hand, stale compressed files, names with the hash of other content, and keys in public JavaScript. It is made for continuous integration.
Exit code 2: a verdict is bad, or with --strict to look at.`,
		cobra.NoArgs, func(c *call) (bool, error) {
			config, err := c.auditConfig()
			if err != nil {
				return false, err
			}
			if show := c.progress("audit: "); show != nil {
				config.Progress = func(files int) { show(fmt.Sprintf("%d files", files)) }
			}
			ctx, cancel := context.WithTimeout(context.Background(), c.duration("timeout"))
			defer cancel()
			report, err := audit.Run(ctx, config)
			good := c.printVerdicts(report)
			if err != nil {
				return false, fmt.Errorf("the audit is incomplete: %w", err)
			}
			if c.isSet("strict") {
				for _, v := range report.Verdicts {
					good = good && v.Level != verdict.Warn
				}
			}
			return good, nil
		})
	command.Flags().String("root", "", "The directory of the static files, as they are served")
	command.Flags().String("templates", "", "The directory of the templates")
	command.Flags().Bool("strict", false, "Fail on verdicts to look at, too")
	command.Flags().Duration("timeout", 10*time.Minute, "The most time for the audit")
	return command
}

func (c *call) auditConfig() (config audit.Config, err error) {
	root, templates := c.text("root"), c.text("templates")
	if root == "" {
		return config, errors.New("no directory: use --root")
	}
	for _, directory := range []string{root, templates} {
		if directory == "" {
			continue
		}
		if info, err := os.Stat(directory); err != nil {
			return config, err
		} else if !info.IsDir() {
			return config, fmt.Errorf("%s is no directory", directory)
		}
	}
	config.Root = os.DirFS(root)
	if templates != "" {
		config.Templates = os.DirFS(templates)
	}
	return config, nil
}
