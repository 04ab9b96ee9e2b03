package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/eval"
)

// compareFlags are what every comparison of schedules takes.
type compareFlags struct {
	evalFlags
	files []string
	cut   eval.Excerpts
	plot  string
}

func (f *compareFlags) register(cmd *cobra.Command, fallback string) {
	f.evalFlags.register(cmd, "", fallback)
	cmd.Flags().StringArrayVar(&f.files, "text", nil, "a text file (may be repeated)")
	cmd.Flags().StringVar(&f.plot, "plot", "", "where to draw the comparison (.svg or .png)")
	cmd.Flags().IntVar(&f.cut.Prompt, "prompt", 1024, "tokens of prompt")
	cmd.Flags().IntVar(&f.cut.Continue, "continue", 128, "tokens that are predicted after it")
	cmd.Flags().IntVar(&f.cut.K, "excerpts", 1, "excerpts of each text")
}

// run scores what score asks for and prints it.
func (f *compareFlags) run(cmd *cobra.Command, title string, score func(s *eval.Scorer, base *attention.Schedule) ([]*eval.Perplexity, error)) error {
	if len(f.files) == 0 {
		return usageError{errors.New("no text: name a file with --text")}
	}
	texts, err := readTexts(f.files)
	if err != nil {
		return err
	}
	return f.evalFlags.run(cmd, func(r *eval.Runner, s *attention.Schedule) error {
		scorer, err := r.Scorer(texts, f.cut)
		if err != nil {
			return err
		}
		scores, err := score(scorer, s)
		if err != nil {
			return err
		}
		if f.plot != "" {
			if err := eval.PlotComparison(f.plot, scores); err != nil {
				return err
			}
		}
		out := cmd.OutOrStdout()
		if f.json {
			return printJSON(out, scores)
		}
		if err := eval.WriteComparison(out, title, scores); err != nil {
			return err
		}
		fmt.Fprintln(out)
		return eval.WriteByText(out, scores)
	})
}

// policiesCommand compares the policies that decide which tokens are important.
func policiesCommand() *cobra.Command {
	var f compareFlags
	var names []string
	cmd := &cobra.Command{
		Use:   "policies --text FILE --keep 0.5",
		Short: "Perplexity under every importance policy, on the same runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, "policy", func(s *eval.Scorer, base *attention.Schedule) ([]*eval.Perplexity, error) {
				return s.Policies(cmd.Context(), base, names)
			})
		},
	}
	f.register(cmd, "paper-default")
	cmd.Flags().StringSliceVar(&names, "policy", attention.Policies(), "policies to compare")
	return cmd
}

// ablationCommand undoes the choices of a schedule one by one.
func ablationCommand() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "ablation --text FILE --schedule S",
		Short: "What each choice of a schedule is worth: perplexity where it alone is undone",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd, "schedule", func(s *eval.Scorer, base *attention.Schedule) ([]*eval.Perplexity, error) {
				if base == nil {
					return nil, usageError{errors.New("dense has no choices to undo; name a schedule with --schedule")}
				}
				return s.ScoreAll(cmd.Context(), eval.Ablations(base)...)
			})
		},
	}
	f.register(cmd, "default")
	return cmd
}

// compareCommand sets schedules beside each other.
func compareCommand() *cobra.Command {
	var f compareFlags
	var names []string
	cmd := &cobra.Command{
		Use:   "compare --text FILE --with A,B",
		Short: "Perplexity under several schedules, on the same runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var schedules []*attention.Schedule
			for _, name := range names {
				s, err := attention.LoadSchedule(name)
				if err != nil {
					return err
				}
				if s.Name == "" {
					s.Name = name
				}
				schedules = append(schedules, s)
			}
			return f.run(cmd, "schedule", func(s *eval.Scorer, base *attention.Schedule) ([]*eval.Perplexity, error) {
				if base != nil && cmd.Flags().Changed("schedule") {
					schedules = append([]*attention.Schedule{base}, schedules...)
				}
				if len(schedules) == 0 {
					return nil, usageError{errors.New("nothing to compare: name schedules with --with")}
				}
				return s.ScoreAll(cmd.Context(), schedules...)
			})
		},
	}
	f.register(cmd, "default")
	cmd.Flags().StringSliceVar(&names, "with", nil, "schedules: names or YAML files (may be repeated)")
	return cmd
}
