package main

import (
	"errors"

	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/eval"
)

// policiesCommand compares the policies that decide which tokens are important.
func policiesCommand() *cobra.Command {
	var f evalFlags
	var files, names []string
	var cut eval.Excerpts
	var plot string
	cmd := &cobra.Command{
		Use:   "policies --text FILE --keep 0.5",
		Short: "Perplexity under every importance policy, on the same runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return usageError{errors.New("no text: name a file with --text")}
			}
			texts, err := readTexts(files)
			if err != nil {
				return err
			}
			return f.run(cmd, func(r *eval.Runner, s *attention.Schedule) error {
				scorer, err := r.Scorer(texts, cut)
				if err != nil {
					return err
				}
				scores, err := scorer.Policies(cmd.Context(), s, names)
				if err != nil {
					return err
				}
				if plot != "" {
					if err := eval.PlotPolicies(plot, scores); err != nil {
						return err
					}
				}
				if f.json {
					return printJSON(cmd.OutOrStdout(), scores)
				}
				return eval.WritePolicies(cmd.OutOrStdout(), scores)
			})
		},
	}
	f.register(cmd, "", "paper-default")
	cmd.Flags().StringArrayVar(&files, "text", nil, "a text file (may be repeated)")
	cmd.Flags().StringSliceVar(&names, "policy", attention.Policies(), "policies to compare")
	cmd.Flags().StringVar(&plot, "plot", "", "where to draw the comparison (.svg or .png)")
	cmd.Flags().IntVar(&cut.Prompt, "prompt", 1024, "tokens of prompt")
	cmd.Flags().IntVar(&cut.Continue, "continue", 128, "tokens that are predicted after it")
	cmd.Flags().IntVar(&cut.K, "excerpts", 1, "excerpts of each text")
	return cmd
}
