package main

import (
	"fmt"
	"io"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"spatten/checkpoint/hub"
)

func pullCommand() *cobra.Command {
	var asJSON bool
	var options hub.Options
	cmd := &cobra.Command{
		Use:   "pull ORG/NAME[@REVISION][:FILE]",
		Short: "Fetch a model from the Hugging Face hub",
		Long: `Fetch what is needed to run a model from the Hugging Face hub into the cache that its tools share; an interrupted
pull is continued. FILE names a file, or a part of a .gguf file's name, as in org/name:Q4_K_M.

The environment is read as the hub's own tools read it: HF_ENDPOINT, HF_TOKEN, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := hub.Parse(args[0]); !ok {
				return usageError{fmt.Errorf("%q is no name of the form org/name[@revision][:file]", args[0])}
			}
			options.Progress = pullProgress(cmd.ErrOrStderr())
			result, err := hub.Pull(cmd.Context(), args[0], options)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), result)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s in %s\n", result.Name, size(result.Bytes), result.Path)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&options.Verify, "verify", false, "check files that are in the cache already against their checksums")
	cmd.Flags().Int64Var(&options.MaxBytes, "max-bytes", 0, "refuse models that are larger (0: 200 GB)")
	return cmd
}

// pullProgress shows a bar on a terminal, and a line a file elsewhere.
func pullProgress(errs io.Writer) func(hub.Progress) {
	var bar *progressbar.ProgressBar
	file := ""
	terminal, ok := errs.(interface{ Fd() uintptr })
	return func(p hub.Progress) {
		if !ok || !isatty.IsTerminal(terminal.Fd()) {
			if p.File != file {
				fmt.Fprintln(errs, p.File)
			}
			file = p.File
			return
		}
		if bar == nil {
			bar = progressbar.NewOptions64(p.Total, progressbar.OptionSetWriter(errs), progressbar.OptionShowBytes(true),
				progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
		}
		if p.File != file {
			bar.Describe(p.File)
		}
		file = p.File
		bar.Set64(p.Done)
	}
}
