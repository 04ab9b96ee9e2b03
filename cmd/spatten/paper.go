package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"spatten/paper"
)

// paperCommand reproduces the paper's evaluation.
func paperCommand() *cobra.Command {
	var asJSON bool
	var steps int
	var html, plots string
	cmd := &cobra.Command{
		Use:   "paper",
		Short: "Reproduce the paper's evaluation: ours beside the published numbers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := paper.Reproduce(cmd.Context(), paper.Options{Steps: steps})
			if err != nil {
				return err
			}
			if html != "" {
				var page bytes.Buffer
				if err := r.HTML(&page); err != nil {
					return err
				}
				if err := os.WriteFile(html, page.Bytes(), 0o644); err != nil {
					return fmt.Errorf("write the report: %w", err)
				}
			}
			if plots != "" {
				if _, err := r.Draw(plots); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), r)
			}
			return r.Text(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the numbers as JSON")
	cmd.Flags().StringVar(&html, "html", "", "also write the report as one HTML page to this file")
	cmd.Flags().StringVar(&plots, "plots", "", "also write every plot as SVG and PNG into this folder")
	cmd.Flags().IntVar(&steps, "steps", 0, "generated tokens to simulate, standing for all 32 (0: all)")
	return cmd
}
