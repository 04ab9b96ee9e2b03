package main

import (
	"github.com/spf13/cobra"

	"spatten/paper"
)

// paperCommand reproduces the paper's evaluation.
func paperCommand() *cobra.Command {
	var asJSON bool
	var steps int
	cmd := &cobra.Command{
		Use:   "paper",
		Short: "Reproduce the paper's evaluation: ours beside the published numbers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := paper.Reproduce(cmd.Context(), steps)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), r)
			}
			return r.Text(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the numbers as JSON")
	cmd.Flags().IntVar(&steps, "steps", 0, "generated tokens to simulate, standing for all 32 (0: all)")
	return cmd
}
