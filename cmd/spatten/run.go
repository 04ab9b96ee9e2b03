package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/eval"
	"spatten/report"
	"spatten/tokenizer"
	"spatten/trace"
)

// runCommand passes one text through a model, pruned beside dense, and shows what was pruned.
func runCommand() *cobra.Command {
	var m modelFlags
	var s scheduleFlags
	var asJSON bool
	var traceFile string
	var on replayFlags
	var seed uint64
	cmd := &cobra.Command{
		Use:   "run [TEXT]",
		Short: "One forward pass of a text: what each layer pruned, the answer beside the dense one, and what it saved",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, text, err := m.openText(cmd, args)
			if err != nil {
				return err
			}
			defer o.close()
			schedule, err := s.resolve(o.checkpoint)
			if err != nil {
				return err
			}
			traceFile, clean, err := on.prepare(traceFile)
			if err != nil {
				return err
			}
			defer clean()
			tokens := o.encode(text)
			var recorder record.Recorder
			if traceFile != "" {
				w, err := trace.Create(traceFile, record.Wants{})
				if err != nil {
					return err
				}
				recorder = w
			}
			once, err := eval.Forward(o.model, o.cpu, o.tokenizer, tokens, schedule, s.arithmetic(), seed, recorder)
			if w, ok := recorder.(*trace.Writer); ok {
				if closing := w.Close(); err == nil {
					err = closing
				}
			}
			if err != nil {
				return err
			}
			simulated, err := on.replay(cmd, traceFile)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					*eval.Once
					Simulation *simulation `json:"simulation,omitempty"`
				}{once, simulated})
			}
			if err := printOnce(cmd.OutOrStdout(), text, tokens, once, o.model.Info().Heads); err != nil {
				return err
			}
			simulated.print(cmd.OutOrStdout())
			return nil
		},
	}
	m.register(cmd, "sentiment", "f32")
	s.register(cmd, "paper-default")
	on.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&traceFile, "trace", "", "write a trace of the pruned pass to this file")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "written into the trace; a forward pass draws nothing")
	return cmd
}

func printOnce(out io.Writer, text string, tokens []tokenizer.Token, once *eval.Once, heads int) error {
	words := make([]report.Word, len(tokens))
	for i, t := range tokens {
		words[i] = report.Word{Piece: t.Piece, Start: t.Start, End: t.End}
	}
	layers := make([]report.Layer, len(once.Layers))
	for i, l := range once.Layers {
		layers[i] = report.Layer{Tokens: l.Tokens, Heads: l.Heads}
	}
	if err := report.Sentence(out, text, words, layers, heads, report.Colors(colored(out))); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if once.Label == "" {
		fmt.Fprintf(out, "embedding: cosine %.4f to the dense one\n", once.Cosine)
	} else {
		fmt.Fprintf(out, "pruned  %q with %.1f %%\ndense   %q with %.1f %%\n", once.Label, 100*once.Probability, once.Dense.Label, 100*once.Dense.Probability)
	}
	fmt.Fprintln(out)
	return printSavings(out, &once.Cost)
}

// printSavings says what was read and computed beside dense.
func printSavings(out io.Writer, c *attention.Cost) error {
	kv, dense := c.Spatten.KVBytes, c.DenseFP32.KVBytes
	if kv > 0 {
		fmt.Fprintf(out, "keys and values read   %s of %s in dense fp32 (%.1f x less; %.1f x less than fp16)\n",
			size(kv), size(dense), ratio(dense, kv), ratio(c.DenseFP16.KVBytes, kv))
		t := c.Technique
		fmt.Fprintf(out, "  spared by            tokens %s, heads %s, values %s, bits %s\n", size(t.Tokens), size(t.Heads), size(t.Values), size(t.Bits))
	}
	_, err := fmt.Fprintf(out, "operations             %.3g of %.3g (%.2f x less)\ntokens passing layers  %d of %d, heads %d of %d\n",
		float64(c.Spatten.Operations), float64(c.DenseFP32.Operations), ratio(c.DenseFP32.Operations, c.Spatten.Operations),
		c.TokenLayers, c.DenseTokens, c.HeadLayers, c.DenseHeads)
	return err
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// size prints bytes with a unit.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.2f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
