package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/offsetsadmin"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
)

// The exit codes of every command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// exitCodes says what they mean, for --help and for the README.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "success"},
	{exitFailed, "the command failed, or its check did not pass"},
	{exitUsage, "invalid configuration, arguments, topic or schema, or Kafka denied access; fix it before retrying"},
}

// exitHelp is what every command's help says of exit codes.
func exitHelp() string {
	var b strings.Builder
	b.WriteString("\nExit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %d  %s\n", e.code, e.meaning)
	}
	return b.String()
}

// errJudged ends a command that has already printed its verdict.
var errJudged = errors.New("the check did not pass")

// errRefused is wrapped by the error of a command that would do harm as things are. Its text names what to change.
var errRefused = daemon.ErrRefused

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// execute runs a command line and returns its exit code.
func execute(ctx context.Context, args []string) int {
	return executeOn(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

func executeOn(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errJudged):
		return exitFailed
	case errors.As(err, &usage), errors.Is(err, config.ErrInvalid), errors.Is(err, sink.ErrTopic), sink.Denied(err), daemon.SignInRefused(err), errors.Is(err, errRefused), errors.Is(err, offsetsadmin.ErrRefused), schema.IsPermanent(err):
		fmt.Fprintln(errOut, "connector:", err)
		return exitUsage
	default:
		fmt.Fprintln(errOut, "connector:", err)
		return exitFailed
	}
}

// usageError is an error in the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// noArguments refuses positional arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}

// knownCommand refuses what is not the name of a command, and says which may be meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		meant = "; did you mean " + strings.Join(names, " or ") + "?"
	}
	return usageError{fmt.Errorf("unknown command %q%s (connector --help lists all)", args[0], meant)}
}

// parseInstant parses the time that a flag gives.
func parseInstant(flag, text string, now time.Time) (time.Time, error) {
	at, err := config.ParseInstant(text, now)
	if err != nil {
		return time.Time{}, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	return at, nil
}

// rootCommand returns the command that all others are below.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "connector", Args: knownCommand, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Short: "Stream Microsoft Teams chat messages into Kafka, exactly once",
		Long: `connector polls Microsoft Graph for the chat messages of your users, converts each to an
Avro record keyed by its chat, and writes it to Kafka exactly once.

Start with "connector demo", which needs nothing but this binary. Before the first run, and when
something is wrong, "connector doctor" finds it and tells you how to fix it.`,
		SilenceUsage: true, SilenceErrors: true, SuggestionsMinimumDistance: 2,
		Version: version(),
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetUsageTemplate(root.UsageTemplate() + exitHelp())
	root.AddCommand(runCommand(), doctorCommand(), healthCommand(), demoCommand(), simulateCommand(), offsetsCommand(), verifyCommand(), convertCommand(), schemaCommand(), versionCommand())
	return root
}
