// Command spatten runs transformers with SpAtten's sparse attention and simulates the accelerator that runs it.
// One file a verb: flags in, one call, print.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // the work could not be done
	exitUsage   = 2 // the command line is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	started := false
	root := &cobra.Command{
		Use:           "spatten",
		Short:         "Transformers with SpAtten's sparse attention, and the accelerator that runs them",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			started = true
		},
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	root.AddCommand(commands()...)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case !started || errors.As(err, &usage):
		fmt.Fprintf(errs, "spatten: %v\nSee 'spatten --help'.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(errs, "spatten: %v\n", err)
		return exitFailure
	}
}

// commands lists the verbs in the order of the data's way through the program.
func commands() []*cobra.Command {
	return []*cobra.Command{
		pullCommand(),
		inspectCommand(),
		tokenizeCommand(),
		runCommand(),
		generateCommand(),
		logitsCommand(),
		embedCommand(),
		scheduleCommand(),
		serveCommand(),
		benchCommand(),
		traceCommand(),
		simulateCommand(),
		machineCommand(),
		evalCommand(),
		tuneCommand(),
		sweepCommand(),
		paperCommand(),
	}
}

// usageError marks a command line that cannot be carried out as given.
type usageError struct{ error }

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// encodeLine writes v as one line of JSON.
func encodeLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
