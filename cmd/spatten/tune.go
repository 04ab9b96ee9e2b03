package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"spatten/eval"
	"spatten/tune"
)

// tuneFlags are the flags of tune.
type tuneFlags struct {
	model         modelFlags
	texts, unseen []string
	within        string
	cut           eval.Excerpts
	options       tune.Options
	state, out    string
	plot, report  string
	name          string
}

// tuneCommand searches for schedules.
func tuneCommand() *cobra.Command {
	var f tuneFlags
	cmd := &cobra.Command{
		Use:   "tune --text FILE --within 1%",
		Short: "Find the cheapest schedule that keeps a language model's quality, or the best within a cost",
		Long: `Find the cheapest schedule that keeps a language model's quality, or the best within a cost.

Every schedule is measured on the texts: how far it leads the model from what it predicts with nothing pruned, and what its
decode steps read. First the same rung of a ladder for all layers, then the layers one by one, then the schedules that their
sensitivities promise, then mutations of what is best. Texts named by --holdout are for the verdict alone.

With --state a search that was interrupted goes on where it was, and ends with the same result.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.model.register(cmd, "", "f32")
	cmd.Flags().StringArrayVar(&f.texts, "text", nil, "a text file to search on (may be repeated)")
	cmd.Flags().StringArrayVar(&f.unseen, "holdout", nil, "a text file for the verdict (may be repeated)")
	cmd.Flags().StringVar(&f.within, "within", "", "what perplexity may lose, as 1% (default 1% where there is no --budget)")
	cmd.Flags().Float64Var(&f.options.Goal.Ratio, "budget", 0, "how many times less than dense fp32 is read of keys and values, at least")
	cmd.Flags().IntVar(&f.cut.Prompt, "prompt", 4096, "tokens of prompt")
	cmd.Flags().IntVar(&f.cut.Continue, "continue", 128, "tokens that are predicted after it")
	cmd.Flags().IntVar(&f.cut.K, "excerpts", 1, "excerpts of each text")
	cmd.Flags().IntVar(&f.options.Together, "together", 1, "neighbouring layers that are measured and changed together: more of them make a shorter search")
	cmd.Flags().IntVar(&f.options.Mutation, "mutations", 60, "schedules tried after the structured part of the search")
	cmd.Flags().Uint64Var(&f.options.Seed, "seed", 0, "of the mutations")
	cmd.Flags().StringVar(&f.state, "state", "", "a file for what has been measured: a search started anew with it goes on there")
	cmd.Flags().StringVar(&f.name, "name", "tuned", "name of the schedule")
	cmd.Flags().StringVarP(&f.out, "out", "o", "", "where to write the recommended schedule")
	cmd.Flags().StringVar(&f.plot, "plot", "", "where to draw the front (.svg or .png)")
	cmd.Flags().StringVar(&f.report, "report", "", "where to write a report (Markdown)")
	return cmd
}

// percent reads 1% or 0.01.
func percent(text string) (float64, error) {
	number, is := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if is {
		v /= 100
	}
	if err != nil || !(v > 0 && v <= 1) {
		return 0, usageError{fmt.Errorf("--within %q: a loss such as 1%%, more than nothing and at most all", text)}
	}
	return v, nil
}

func (f *tuneFlags) goal() error {
	g := &f.options.Goal
	switch {
	case len(f.texts) == 0:
		return usageError{errors.New("no text: name a file with --text")}
	case g.Ratio != 0 && f.within != "":
		return usageError{errors.New("--within and --budget exclude each other")}
	case g.Ratio != 0 && !(g.Ratio > 1):
		return usageError{errors.New("--budget is a ratio above 1, such as 10")}
	case f.options.Mutation < 0 || f.options.Together < 1:
		return usageError{errors.New("--mutations cannot be negative, and --together is at least 1")}
	case g.Ratio > 0:
		return nil
	case f.within == "":
		f.within = "1%"
	}
	var err error
	g.Within, err = percent(f.within)
	return err
}

func (f *tuneFlags) run(cmd *cobra.Command) error {
	if err := f.goal(); err != nil {
		return err
	}
	texts, err := readTexts(f.texts)
	if err != nil {
		return err
	}
	unseen, err := readTexts(f.unseen)
	if err != nil {
		return err
	}
	o, err := f.model.open()
	if err != nil {
		return err
	}
	defer o.close()
	info := o.model.Info()
	r := &eval.Runner{Model: o.model, CPU: o.cpu, Tokenizer: o.tokenizer, Progress: progress(cmd.ErrOrStderr())}
	scorer, err := r.Scorer(texts, f.cut)
	if err != nil {
		return err
	}
	var state *tune.State
	if f.state != "" {
		if state, err = tune.OpenState(f.state, f.search(info.Name, r.CPU.Precision().String(), texts)); err != nil {
			return err
		}
		defer state.Close()
	}
	f.options.Layers = info.Layers
	f.options.Progress = func(what string, p *tune.Point) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%-26s %6.2f x less, KL %.5f\n", what, p.Ratio(), p.KL)
	}
	probe, err := scorer.Probe(cmd.Context())
	if err != nil {
		return err
	}
	points, err := tune.Run(cmd.Context(), probe, state, f.options)
	if err != nil {
		return err
	}
	report := &tune.Report{Model: info.Name, Cut: f.cut, Goal: f.options.Goal, Seed: f.options.Seed, Points: points, Front: tune.Front(points)}
	for _, t := range texts {
		report.Texts = append(report.Texts, t.Name)
	}
	report.Best = f.options.Goal.Choose(report.Front)
	if report.Best != nil && len(unseen) > 0 {
		verdict, err := r.Scorer(unseen, f.cut)
		if err != nil {
			return err
		}
		if report.Verdict, err = verdict.Score(cmd.Context(), tune.Schedule(f.name, tune.Ladder(), report.Best.Levels)); err != nil {
			return err
		}
	}
	return f.write(cmd, report)
}

// measured is the version of what is measured; a log of another one is not read.
const measured = 2

// search names what measurements depend on.
func (f *tuneFlags) search(model, precision string, texts []eval.Text) string {
	h := sha256.New()
	e := json.NewEncoder(h)
	for _, v := range []any{measured, model, precision, texts, f.cut, f.options.Goal, tune.Ladder()} {
		if err := e.Encode(v); err != nil {
			panic(err) // plain data
		}
	}
	return fmt.Sprintf("%s %x", model, h.Sum(nil)[:16])
}

// write prints the front and writes the files that were asked for.
func (f *tuneFlags) write(cmd *cobra.Command, r *tune.Report) error {
	out := cmd.OutOrStdout()
	if err := tune.WriteFront(out, r.Front, r.Best); err != nil {
		return err
	}
	if v := r.Verdict; v != nil {
		fmt.Fprintf(out, "on texts that the search did not see: perplexity x %.4f, %.2f x less read than dense fp32\n", v.Ratio, v.KVRatioFP32)
	}
	if r.Best != nil {
		r.Schedule = tune.Schedule(f.name, tune.Ladder(), r.Best.Levels).YAML()
	}
	if f.report != "" {
		file, err := os.Create(f.report)
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		if err := errors.Join(r.Markdown(file), file.Close()); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if f.plot != "" {
		if err := r.Plot(f.plot); err != nil {
			return err
		}
	}
	if r.Best == nil {
		return errors.New("no schedule reached the goal; allow more with --within or --budget, or search longer with --mutations")
	}
	if f.out == "" {
		return nil
	}
	text := fmt.Sprintf("# Found by 'spatten tune' for %s on %s.\n%s", filepath.Base(r.Model), strings.Join(r.Texts, ", "), r.Schedule)
	if err := os.WriteFile(f.out, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the schedule: %w", err)
	}
	return nil
}
