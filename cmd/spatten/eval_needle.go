package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/eval"
)

// needleCommand asks for facts hidden in a long text.
func needleCommand() *cobra.Command {
	var f evalFlags
	var file string
	var n eval.Needles
	cmd := &cobra.Command{
		Use:   "needle --text FILE",
		Short: "How often a language model finds a fact hidden in a long text, over lengths and depths",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usageError{errors.New("no text: name a file with --text")}
			}
			texts, err := readTexts([]string{file})
			if err != nil {
				return err
			}
			return f.run(cmd, func(r *eval.Runner, s *attention.Schedule) error {
				found, err := r.Retrieve(cmd.Context(), texts[0], n, s)
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if f.json {
					return printJSON(out, found)
				}
				for _, e := range found.ByNeedle {
					fmt.Fprintf(out, "%6d tokens, depth %.2f  found %-5t dense %-5t  %s: %q\n", e.Length, e.Depth, e.Found, e.Before, e.Secret, e.Answer)
				}
				_, err = fmt.Fprintf(out, "found %.1f %% (95 %% confidence %.1f to %.1f %%), dense %.1f %%: p = %.2g for a difference so large by chance (%d needles)\n",
					100*found.Found, 100*found.Found95.Low, 100*found.Found95.High, 100*found.DenseFound, found.P, found.Count)
				return err
			})
		},
	}
	f.register(cmd, "", "paper-default")
	cmd.Flags().StringVar(&file, "text", "", "the text in which facts are hidden")
	cmd.Flags().IntSliceVar(&n.Lengths, "length", []int{2048}, "tokens of text, fact and question")
	cmd.Flags().IntVar(&n.Depths, "depths", 5, "depths at which a fact is hidden, from beginning to end")
	cmd.Flags().IntVar(&n.Repeats, "repeats", 2, "facts at each length and depth")
	cmd.Flags().Uint64Var(&n.Seed, "seed", 0, "of the facts")
	return cmd
}
