package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/generate"
	"spatten/generate/sample"
	"spatten/generate/template"
	"spatten/tensor"
	"spatten/tokenizer"
	"spatten/trace"
)

// generateCommand continues a prompt and says what was pruned and saved.
func generateCommand() *cobra.Command {
	var m modelFlags
	var s scheduleFlags
	var o generate.Options
	var draw sample.Options
	var promptFile, traceFile, budget string
	var asJSON, quiet, chat bool
	var system string
	var on replayFlags
	var cache cacheFlags
	cmd := &cobra.Command{
		Use:   "generate [PROMPT]",
		Short: "Continue a text; then what was pruned, and what each technique saved",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			prompt, err := promptText(cmd, args, promptFile)
			if err != nil {
				return err
			}
			// The heap is the cache above all, and what its growth leaves behind: that may be a fifth of it, not as much
			// again. Little else is allocated, so that collecting more often costs nothing.
			debug.SetGCPercent(20)
			opened, err := m.open()
			if err != nil {
				return err
			}
			defer opened.close()
			if o.CacheBits == 0 && opened.cpu.Precision() == tensor.Int8 {
				o.CacheBits = 8
			}
			ids := tokenizer.IDs(opened.encode(prompt))
			if chat {
				turns := []template.Message{{Role: "user", Content: prompt}}
				if system != "" {
					turns = slices.Insert(turns, 0, template.Message{Role: "system", Content: system})
				}
				if ids, err = generate.Chat(opened.tokenizer, turns); err != nil {
					return err
				}
			}
			if o.Schedule, err = s.resolve(opened.checkpoint); err != nil {
				return err
			}
			o.Numerics = s.arithmetic()
			info := opened.model.Info()
			if budget != "" {
				if s.dense || s.keep != 0 {
					return usageError{errors.New("--budget excludes --dense and --keep")}
				}
				b, err := attention.ParseBudget(budget)
				if err != nil {
					return usageError{fmt.Errorf("--budget: %w", err)}
				}
				if o.Schedule, err = o.Schedule.Within(b, info.Shape(), len(ids)+o.MaxTokens, o.CacheBits); err != nil {
					return err
				}
			}
			draw.Greedy, draw.Seed = draw.Temperature == 0, o.Seed
			if o.Sampler, err = sample.New(draw); err != nil {
				return usageError{err}
			}
			traceFile, clean, err := on.prepare(traceFile)
			if err != nil {
				return err
			}
			defer clean()
			var w *trace.Writer
			if traceFile != "" {
				if w, err = trace.Create(traceFile, record.Wants{}); err != nil {
					return err
				}
				o.Recorder = w
			}
			if o.Cache, err = cache.open(opened); err != nil {
				return err
			}
			defer cache.close(false)
			g := generate.Generator{Model: opened.model, Tokenizer: opened.tokenizer, CPU: opened.cpu}
			out := cmd.OutOrStdout()
			r, err := g.Run(cmd.Context(), ids, o, func(t generate.Token) error {
				if asJSON {
					return nil
				}
				_, err := io.WriteString(out, t.Text)
				return err
			})
			if w != nil {
				if closing := w.Close(); err == nil {
					err = closing
				}
			}
			if err == nil {
				err = cache.close(true)
			}
			if err != nil {
				return err
			}
			simulated, err := on.replay(cmd, traceFile)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(out, generatedJSON{r, rate(r), precisionName(m.precision), simulated})
			}
			fmt.Fprintln(out)
			if quiet {
				return nil
			}
			if err := printGenerated(out, r); err != nil {
				return err
			}
			simulated.print(out)
			return nil
		},
	}
	m.register(cmd, "story", "int8")
	s.register(cmd, "default")
	on.register(cmd)
	cache.register(cmd)
	f := cmd.Flags()
	f.StringVar(&budget, "budget", "", "what keys and values may take at the end: tokens a layer (2048), bytes (24MiB) or a share of dense fp16 (25%); replaces the schedule's tokens")
	f.StringVarP(&promptFile, "prompt-file", "f", "", "read the prompt from a file (- is standard input)")
	f.BoolVar(&chat, "chat", false, "the prompt is what a user says: put it into the model's chat template")
	f.StringVar(&system, "system", "", "what the system says before it (with --chat; default: the template's own)")
	f.IntVarP(&o.MaxTokens, "max-tokens", "n", 128, "tokens to generate at most; 0 is what the model has room for")
	f.IntVar(&o.CacheBits, "cache-bits", 0, "bits of keys and values that the schedule leaves unquantized: 32, 16 or 8 (0: 8 with int8, else 32)")
	f.IntVar(&o.Chunk, "chunk", 0, "tokens a pass of the prompt where the schedule prunes nothing (0: 512)")
	f.IntVar(&o.Beams, "beams", 1, "texts that are followed at once; the likeliest is printed")
	f.StringArrayVar(&o.Stop, "stop", nil, "a text that ends the text (may be repeated)")
	f.BoolVar(&o.IgnoreEnd, "ignore-end", false, "go on after the token that ends a text")
	f.Float64Var(&draw.Temperature, "temperature", 0, "of drawing tokens; 0 takes the best one")
	f.IntVar(&draw.TopK, "top-k", 0, "draw from the so many best (0: all)")
	f.Float64Var(&draw.TopP, "top-p", 0, "draw from the best that reach this probability (0: all)")
	f.Float64Var(&draw.MinP, "min-p", 0, "draw from those at least this share as likely as the best (0: all)")
	f.Float64Var(&draw.RepetitionPenalty, "repetition-penalty", 0, "divides the logits of tokens that were seen (0: off)")
	f.Uint64Var(&o.Seed, "seed", 0, "of drawing tokens")
	f.StringVar(&traceFile, "trace", "", "write a trace to this file")
	f.BoolVar(&quiet, "quiet", false, "print the text alone")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// promptText returns the argument, the file's text, or standard input.
func promptText(cmd *cobra.Command, args []string, file string) (string, error) {
	if file == "" || file == "-" {
		return textArgument(cmd, args)
	}
	if len(args) > 0 {
		return "", usageError{errors.New("a prompt is given twice: as an argument and with --prompt-file")}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the prompt: %w", err)
	}
	return string(text), nil
}

// generatedJSON is the JSON form.
type generatedJSON struct {
	*generate.Result
	TokensPerSecond speed       `json:"tokens_per_second"`
	Precision       string      `json:"precision"`
	Simulation      *simulation `json:"simulation,omitempty"`
}

type speed struct {
	Prefill float64 `json:"prefill"`
	Decode  float64 `json:"decode"`
}

func precisionName(p string) string {
	if p == "" {
		return "f32"
	}
	return p
}

func rate(r *generate.Result) speed {
	perSecond := func(n int, s float64) float64 {
		if s <= 0 {
			return 0
		}
		return float64(n) / s
	}
	return speed{perSecond(r.PromptTokens, r.PrefillSeconds), perSecond(r.Steps, r.DecodeSeconds)}
}

func printGenerated(out io.Writer, r *generate.Result) error {
	v := rate(r)
	fmt.Fprintf(out, "\nprompt                 %d tokens, %.1f tokens/s\ngenerated              %d tokens, %.1f tokens/s (%s)\n",
		r.PromptTokens, v.Prefill, len(r.IDs), v.Decode, r.Finish)
	fmt.Fprintf(out, "live tokens by layer   %v\ncache                  %s\n", r.Live, size(r.CacheBytes))
	return printSavings(out, &r.Cost)
}
