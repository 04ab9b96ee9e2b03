package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spatten/eval"
	"spatten/model"
	"spatten/tokenizer"
)

// logitsTop is how many tokens of a language model are shown at each position.
const logitsTop = 10

// logitsCommand prints what a model computes for a text, dense and in fp32.
func logitsCommand() *cobra.Command {
	var m modelFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "logits [TEXT]",
		Short: "A model's logits for a text, dense and in fp32: the ten best at each token, or those of every class",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, text, err := m.openText(cmd, args)
			if err != nil {
				return err
			}
			defer o.close()
			tokens := o.encode(text)
			out := logitsJSON{IDs: tokenizer.IDs(tokens)}
			if info := o.model.Info(); info.Causal {
				tops, err := o.runner().Top(cmd.Context(), out.IDs, logitsTop)
				if err != nil {
					return err
				}
				for _, top := range tops {
					out.Positions = append(out.Positions, positionJSON{top})
				}
			} else {
				out.Labels = info.Labels
				if out.Logits, err = o.runner().Answer(out.IDs, segments(tokens), model.Logits); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), out)
			}
			for i, p := range out.Positions {
				fmt.Fprintf(cmd.OutOrStdout(), "%5d %-16q", i, tokens[i].Piece)
				for _, t := range p.Top {
					fmt.Fprintf(cmd.OutOrStdout(), "  %q %.3f", o.tokenizer.Piece(t.ID), t.Logit)
				}
				fmt.Fprintln(cmd.OutOrStdout())
			}
			for i, v := range out.Logits {
				fmt.Fprintf(cmd.OutOrStdout(), "%-16s %.4f\n", out.Labels[i], v)
			}
			return nil
		},
	}
	m.register(cmd, "sentiment", "")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// logitsJSON is the JSON form: positions of a language model, logits of a classifier.
type logitsJSON struct {
	IDs       []int32        `json:"ids"`
	Positions []positionJSON `json:"positions,omitempty"`
	Logits    []float32      `json:"logits,omitempty"`
	Labels    []string       `json:"labels,omitempty"`
}

type positionJSON struct {
	Top []eval.TokenLogit `json:"top"`
}

// segments returns the segment of every token.
func segments(tokens []tokenizer.Token) []int32 {
	out := make([]int32, len(tokens))
	for i, t := range tokens {
		out[i] = int32(t.Segment)
	}
	return out
}
