package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/eval"
)

// evalCommand judges a model on data sets, pruned beside dense.
func evalCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "eval", Short: "Perplexity, accuracy and correlation on data sets, pruned beside dense"}
	cmd.AddCommand(perplexityCommand(), accuracyCommand(), correlationCommand(), policiesCommand(), compareCommand(), ablationCommand(), needleCommand())
	return cmd
}

// evalFlags are what all of them take.
type evalFlags struct {
	model    modelFlags
	schedule scheduleFlags
	batch    int
	bits     int
	json     bool
}

func (f *evalFlags) register(cmd *cobra.Command, model, fallback string) {
	f.model.register(cmd, model, "f32")
	f.schedule.register(cmd, fallback)
	cmd.Flags().IntVar(&f.batch, "batch", 0, "sequences that pass together (0: 16 of an encoder, 4 of a language model)")
	cmd.Flags().IntVar(&f.bits, "cache-bits", 32, "bits of keys and values that the schedule leaves unquantized: 32, 16 or 8")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// run opens the model and calls judge.
func (f *evalFlags) run(cmd *cobra.Command, judge func(r *eval.Runner, s *attention.Schedule) error) error {
	if f.batch < 0 {
		return usageError{errors.New("--batch cannot be negative")}
	}
	o, err := f.model.open()
	if err != nil {
		return err
	}
	defer o.close()
	s, err := f.schedule.resolve(o.checkpoint)
	if err != nil {
		return err
	}
	r := o.runner()
	r.Batch, r.CacheBits, r.Numerics, r.Progress = f.batch, f.bits, f.schedule.arithmetic(), progress(cmd.ErrOrStderr())
	return judge(r, s)
}

// progress counts on a terminal, and says nothing elsewhere.
func progress(w io.Writer) func(done, total int) {
	f, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return nil
	}
	return func(done, total int) {
		fmt.Fprintf(f, "\r%d of %d", done, total)
		if done == total {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
}

func perplexityCommand() *cobra.Command {
	var f evalFlags
	var files []string
	var cut eval.Excerpts
	cmd := &cobra.Command{
		Use:   "perplexity --text FILE",
		Short: "How well a language model predicts texts, one token a step after a prompt",
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
				p, err := scorer.Score(cmd.Context(), s)
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if f.json {
					return printJSON(out, p)
				}
				for _, e := range p.ByExcerpt {
					fmt.Fprintf(out, "%-24s token %7d  %8.3f  dense %8.3f  x %.4f\n", e.Text, e.Start, e.Perplexity, e.DensePerplexity, e.Perplexity/e.DensePerplexity)
				}
				if p.Ratio95 != nil {
					fmt.Fprintf(out, "95 %% confidence x %.4f to %.4f; p = %.2g for a ratio so far from 1 by chance\n", p.Ratio95.Low, p.Ratio95.High, *p.P)
				}
				_, err = fmt.Fprintf(out, "perplexity %.4f, dense %.4f: x %.4f (%d excerpts of %d + %d tokens, %s)\nkeys and values read: %.2f x less than dense fp32, %.2f x less than fp16\n",
					p.Perplexity, p.DensePerplexity, p.Ratio, p.Count, p.Prompt, p.Continue, p.Precision, p.KVRatioFP32, p.KVRatioFP16)
				return err
			})
		},
	}
	f.register(cmd, "", "default")
	cmd.Flags().StringArrayVar(&files, "text", nil, "a text file (may be repeated)")
	cmd.Flags().IntVar(&cut.Prompt, "prompt", 1024, "tokens of prompt")
	cmd.Flags().IntVar(&cut.Continue, "continue", 128, "tokens that are predicted after it")
	cmd.Flags().IntVar(&cut.K, "excerpts", 1, "excerpts of each text")
	return cmd
}

// readTexts reads text files.
func readTexts(files []string) ([]eval.Text, error) {
	var texts []eval.Text
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the text: %w", err)
		}
		texts = append(texts, eval.Text{Name: filepath.Base(file), Text: string(data)})
	}
	return texts, nil
}

func accuracyCommand() *cobra.Command {
	var f evalFlags
	var file string
	cmd := &cobra.Command{
		Use:   "accuracy --data FILE",
		Short: "How often a classifier is right",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			examples, err := readExamples(file)
			if err != nil {
				return err
			}
			return f.run(cmd, func(r *eval.Runner, s *attention.Schedule) error {
				a, err := r.Accuracy(cmd.Context(), examples, s)
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if f.json {
					return printJSON(out, a)
				}
				fmt.Fprintf(out, "95 %% confidence %.2f to %.2f %%; p = %.2g for a difference to dense so large by chance\n", 100*a.Accuracy95.Low, 100*a.Accuracy95.High, a.P)
				fmt.Fprintf(out, "accuracy %.2f %%, dense %.2f %%, agreement %.2f %% (%d examples, %s)\n", 100*a.Accuracy, 100*a.DenseAccuracy, 100*a.Agreement, a.Count, a.Precision)
				return printKept(out, a.Kept)
			})
		},
	}
	f.register(cmd, "sentiment", "paper-default")
	cmd.Flags().StringVar(&file, "data", "", "examples: a header with sentence and label, or the columns of CoLA or MRPC")
	return cmd
}

func correlationCommand() *cobra.Command {
	var f evalFlags
	var file string
	cmd := &cobra.Command{
		Use:   "correlation --data FILE",
		Short: "How well embeddings' cosines follow people's scores of similarity (Spearman)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			examples, err := readExamples(file)
			if err != nil {
				return err
			}
			return f.run(cmd, func(r *eval.Runner, s *attention.Schedule) error {
				c, err := r.Correlation(cmd.Context(), examples, s)
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if f.json {
					return printJSON(out, c)
				}
				fmt.Fprintf(out, "Spearman %.4f, dense %.4f (%d examples, %s)\n", c.Spearman, c.DenseSpearman, c.Count, c.Precision)
				return printKept(out, c.Kept)
			})
		},
	}
	f.register(cmd, "", "paper-default")
	cmd.Flags().StringVar(&file, "data", "", "pairs: the columns of the STS benchmark, or a header with sentence1, sentence2 and score")
	return cmd
}

func readExamples(file string) ([]eval.Example, error) {
	if file == "" {
		return nil, usageError{errors.New("no examples: name a file with --data")}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the examples: %w", err)
	}
	defer f.Close()
	examples, err := eval.ReadExamples(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return examples, nil
}

func printKept(out io.Writer, k eval.Kept) error {
	_, err := fmt.Fprintf(out, "of dense: %.1f %% of the tokens passed a layer, %.1f %% of the heads; %.1f %% of the bytes of keys and values, %.1f %% of the operations\n",
		100*k.TokenLayers, 100*k.HeadLayers, 100*k.KVBytes, 100*k.Operations)
	return err
}
