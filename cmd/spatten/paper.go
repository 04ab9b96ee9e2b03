package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spatten/paper"
	"spatten/paper/live"
)

// paperCommand reproduces the paper's evaluation.
func paperCommand() *cobra.Command {
	var asJSON bool
	var steps int
	var html, plots string
	var short, simulated bool
	var from live.Sources
	cmd := &cobra.Command{
		Use:   "paper",
		Short: "Reproduce the paper's evaluation: ours beside the published numbers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if steps < 0 {
				return usageError{fmt.Errorf("--steps %d: how many generated tokens are simulated; 0 for all", steps)}
			}
			// Minutes of work must not end at a place that cannot be written to, or leave out what was asked for.
			for _, folder := range []string{"models", "data"} {
				if f := cmd.Flag(folder); f.Changed {
					if _, err := os.Stat(f.Value.String()); err != nil {
						return usageError{fmt.Errorf("--%s: %w", folder, err)}
					}
				}
			}
			if html != "" {
				if _, err := os.Stat(filepath.Dir(html)); err != nil {
					return usageError{fmt.Errorf("--html: %w", err)}
				}
			}
			if plots != "" {
				if err := os.MkdirAll(plots, 0o755); err != nil {
					return usageError{fmt.Errorf("--plots: %w", err)}
				}
			}
			o := paper.Options{Steps: steps, Short: short}
			if !simulated {
				o.Live = &from
			}
			r, err := paper.Reproduce(cmd.Context(), o)
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
	cmd.Flags().BoolVar(&short, "short", false, "fewer machines, contexts and texts")
	cmd.Flags().BoolVar(&simulated, "simulated", false, "run no model: simulations alone")
	cmd.Flags().StringVar(&from.Models, "models", "../shared/models", "folder of minilm-l6-v2-f16 and smollm2-135m-instruct; what is absent is left out")
	cmd.Flags().StringVar(&from.Data, "data", "../shared/data", "folder of the data sets (sst2, stsb, cola, mrpc, rte, squad, wikitext2, ptb); what is absent is left out")
	return cmd
}
