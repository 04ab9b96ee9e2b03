package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/eval"
	"spatten/tune"
)

// tuneFlags are the flags of tune.
type tuneFlags struct {
	model        modelFlags
	texts, data  []string
	unseen       []string
	within, cost string
	budget       float64
	cut          eval.Excerpts
	together     int
	vary, beside []string
	base         string
	options      tune.Options
	state, out   string
	plot, report string
	name         string
}

// tuneCommand searches for schedules.
func tuneCommand() *cobra.Command {
	var f tuneFlags
	cmd := &cobra.Command{
		Use:   "tune --text FILE --within 1% | --data FILE --within 0.5pt",
		Short: "Find the cheapest schedule that keeps a model's quality, or the best within a cost",
		Long: `Find the cheapest schedule that keeps a model's quality, or the best within a cost.

Every schedule is measured on texts that a language model continues (--text), or on labelled examples that a classifier answers
(--data): how far it leads the model from what it predicts with nothing pruned, and what it costs. First some schedules between
dense and cheap, then what is set one by one, then the schedules that these sensitivities promise, then mutations of what is
best. What is named by --holdout is for the verdict alone.

A language model's prompt is read in full and every layer gets a rung of a ladder of bits and shares of values, unless --vary
names what is chosen: tokens and heads by layer, values, bits, the policy of importance. A classifier's tokens and heads are.

With --state a search that was interrupted goes on where it was, and ends with the same result.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.model.register(cmd, "", "f32")
	flags := cmd.Flags()
	flags.StringArrayVar(&f.texts, "text", nil, "a text file to search on (may be repeated)")
	flags.StringArrayVar(&f.data, "data", nil, "labelled examples to search on, as 'eval accuracy' reads them (may be repeated)")
	flags.StringArrayVar(&f.unseen, "holdout", nil, "a file of texts or examples for the verdict (may be repeated)")
	flags.StringVar(&f.within, "within", "", "what perplexity may lose, as 1%, or accuracy, as 0.5pt (the defaults where there is no --budget)")
	flags.Float64Var(&f.budget, "budget", 0, "how many times less than dense a schedule costs, at least")
	flags.StringVar(&f.cost, "cost", string(tune.Operations), "what a classifier's schedule is to have little of: operations, tokens (that pass layers) or bytes (of keys and values)")
	flags.StringSliceVar(&f.vary, "vary", nil, "what is chosen: tokens, heads (by layer), values, bits, policy")
	flags.StringVar(&f.base, "base", "", "with --vary: the schedule that says all else (default: the model's own)")
	flags.StringArrayVar(&f.beside, "beside", nil, "a schedule that is measured beside what is found (may be repeated)")
	flags.IntVar(&f.cut.Prompt, "prompt", 4096, "tokens of prompt")
	flags.IntVar(&f.cut.Continue, "continue", 128, "tokens that are predicted after it")
	flags.IntVar(&f.cut.K, "excerpts", 1, "excerpts of each text")
	flags.IntVar(&f.together, "together", 1, "without --vary: neighbouring layers that are measured and changed together; more of them make a shorter search")
	flags.IntVar(&f.options.Rounds, "rounds", 1, "how often all that can be set is measured one by one, each time from the best so far")
	flags.IntVar(&f.options.Mutation, "mutations", 60, "schedules tried after the structured part of the search")
	flags.Uint64Var(&f.options.Seed, "seed", 0, "of the mutations")
	flags.StringVar(&f.state, "state", "", "a file for what has been measured: a search started anew with it goes on there")
	flags.StringVar(&f.name, "name", "tuned", "name of the schedule")
	flags.StringVarP(&f.out, "out", "o", "", "where to write the recommended schedule")
	flags.StringVar(&f.plot, "plot", "", "where to draw the front (.svg or .png)")
	flags.StringVar(&f.report, "report", "", "where to write a report (Markdown)")
	return cmd
}

// check refuses flags that contradict each other, and reads the goal.
func (f *tuneFlags) check() error {
	cost := tune.Cost(f.cost)
	switch {
	case len(f.texts)+len(f.data) == 0:
		return usageError{errors.New("no text: name a file with --text, or with --data one of examples for a classifier")}
	case len(f.texts) > 0 && len(f.data) > 0:
		return usageError{errors.New("--text is for language models, --data for classifiers; they exclude each other")}
	case f.budget != 0 && f.within != "":
		return usageError{errors.New("--within and --budget exclude each other")}
	case f.budget != 0 && !(f.budget > 1):
		return usageError{errors.New("--budget is a ratio above 1, such as 10")}
	case f.options.Mutation < 0 || f.together < 1 || f.options.Rounds < 1:
		return usageError{errors.New("--mutations cannot be negative, and --together and --rounds are at least 1")}
	case !slices.Contains([]tune.Cost{tune.Operations, tune.Tokens, tune.Bytes}, cost):
		return usageError{fmt.Errorf("--cost %q: operations, tokens or bytes", f.cost)}
	case f.base != "" && len(f.texts) > 0 && len(f.vary) == 0:
		return usageError{errors.New("--base says what --vary leaves; without it every layer gets a rung of the ladder")}
	}
	f.options.Goal.Ratio = f.budget
	if f.budget > 0 {
		return nil
	}
	within, err := parseLoss(f.within, len(f.data) > 0)
	f.options.Goal.Within = within
	return err
}

// subject is what a search is done on.
type subject struct {
	opened  *opened
	runner  *eval.Runner
	judge   tune.Judge
	report  tune.Report
	verdict func(ctx context.Context, schedules []*attention.Schedule) ([]tune.Verdict, error) // nil without unseen data
	data    []any                                                                              // what measurements depend on, beside model and space
	close   func()
}

func (f *tuneFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return err
	}
	vary, err := tune.ParseVary(f.vary)
	if err != nil {
		return usageError{err}
	}
	var schedules []*attention.Schedule
	for _, name := range f.beside {
		s, err := attention.LoadSchedule(name)
		if err != nil {
			return err
		}
		schedules = append(schedules, s)
	}
	prepare := f.onTexts
	if len(f.data) > 0 {
		prepare = f.onExamples
	}
	load, err := prepare()
	if err != nil {
		return err
	}
	o, err := f.model.open()
	if err != nil {
		return err
	}
	defer o.close()
	s := &subject{opened: o, runner: o.runner()}
	s.runner.Progress = progress(cmd.ErrOrStderr())
	if f.options.Space, err = f.space(o, vary); err != nil {
		return err
	}
	start, err := load(s)
	if err != nil {
		return err
	}
	var state *tune.State
	if f.state != "" {
		if state, err = tune.OpenState(f.state, f.search(s)); err != nil {
			return err
		}
		defer state.Close()
	}
	if err := start(cmd.Context()); err != nil {
		return err
	}
	defer s.close()
	f.options.Progress = func(what string, p *tune.Point) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%-26s %6.2f x less, KL %.5f\n", what, p.Ratio(), p.KL)
	}
	r := &s.report
	r.Model, r.Goal, r.Seed = o.model.Info().Name, f.options.Goal, f.options.Seed
	if r.Points, err = tune.Run(cmd.Context(), s.judge, state, f.options); err != nil {
		return err
	}
	r.Front = tune.Front(r.Points)
	if r.Best = r.Goal.Choose(r.Front); r.Best != nil {
		found := f.options.Space.Schedule(f.name, r.Best.Levels)
		r.Schedule = found.YAML()
		schedules = append([]*attention.Schedule{found}, schedules...)
	}
	if err := f.compare(cmd.Context(), s, schedules); err != nil {
		return err
	}
	return f.write(cmd, r)
}

// compare measures the schedules that stand beside what was found, and judges all of them on what was not seen.
func (f *tuneFlags) compare(ctx context.Context, s *subject, schedules []*attention.Schedule) (err error) {
	for _, beside := range schedules[len(schedules)-len(f.beside):] {
		score, err := s.judge.Score(ctx, beside, nil)
		if err != nil {
			return err
		}
		s.report.Beside = append(s.report.Beside, tune.Beside{Schedule: beside.Name, Point: tune.Point{Score: score}})
	}
	if s.verdict != nil && s.report.Best != nil {
		s.report.Verdicts, err = s.verdict(ctx, schedules)
	}
	return err
}

// space is what the search chooses from.
func (f *tuneFlags) space(o *opened, vary tune.Vary) (tune.Space, error) {
	info := o.model.Info()
	if len(f.vary) == 0 {
		if info.Causal {
			return tune.Rungs{Layers: info.Layers, Ladder: tune.Ladder(), Together: f.together}, nil
		}
		vary.Tokens, vary.Heads = true, true
	}
	base, err := f.baseOf(o)
	if err != nil {
		return nil, err
	}
	if base, err = base.For(info.Layers); err != nil {
		return nil, err
	}
	c := tune.Cascade{Layers: info.Layers, Heads: info.Heads, Vary: vary, Base: vary.Free(*base)}
	for _, start := range c.Starts() {
		if err := c.Schedule(f.name, start.Levels).Validate(); err != nil {
			return nil, fmt.Errorf("what is to vary does not go with %s: %w", base.Name, err)
		}
	}
	return c, nil
}

// baseOf returns the schedule that says what is not varied: the one that was named, or the model's own, or else one
// that protects what attention sinks into and, of a language model, what is recent.
func (f *tuneFlags) baseOf(o *opened) (*attention.Schedule, error) {
	if f.base != "" {
		return attention.LoadSchedule(f.base)
	}
	data, err := o.checkpoint.File("schedule.yaml")
	switch {
	case err == nil:
		return attention.ParseSchedule(strings.NewReader(string(data)))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case o.model.Info().Causal:
		return &attention.Schedule{
			Name: "base", Renormalize: true, Protect: attention.Protect{First: 4, Recent: 16},
			Importance: attention.Policy{Policy: "window", Window: 64},
		}, nil
	}
	return &attention.Schedule{Name: "base", Protect: attention.Protect{First: 1}}, nil
}

// measured is the version of what is measured; a log of another one is not read.
const measured = 3

// search names what measurements depend on.
func (f *tuneFlags) search(s *subject) string {
	info, h := s.opened.model.Info(), sha256.New()
	e := json.NewEncoder(h)
	of := []any{measured, info.Name, s.opened.cpu.Precision().String(), f.options.Goal, fmt.Sprintf("%T", f.options.Space), f.options.Space}
	for _, v := range append(of, s.data...) {
		if err := e.Encode(v); err != nil {
			panic(err) // plain data
		}
	}
	return fmt.Sprintf("%s %x", info.Name, h.Sum(nil)[:16])
}

// write prints the front and writes the files that were asked for.
func (f *tuneFlags) write(cmd *cobra.Command, r *tune.Report) error {
	out := cmd.OutOrStdout()
	if err := r.WriteFront(out); err != nil {
		return err
	}
	if len(r.Verdicts) > 0 {
		fmt.Fprintln(out, "on what the search did not see:")
	}
	for i := range r.Verdicts {
		fmt.Fprintln(out, &r.Verdicts[i])
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
