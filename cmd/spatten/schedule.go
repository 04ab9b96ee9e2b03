package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spatten/attention"
)

// scheduleCommand shows, checks and makes schedules: what each layer keeps and how many bits it reads.
func scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "schedule", Short: "List, show, check and derive schedules: what each layer keeps, at how many bits"}
	cmd.AddCommand(scheduleListCommand(), scheduleShowCommand(), scheduleCheckCommand(), scheduleDeriveCommand())
	return cmd
}

func scheduleListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The schedules that ship with the program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, attention.ScheduleNames())
			}
			for _, name := range attention.ScheduleNames() {
				fmt.Fprintln(out, name)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func scheduleShowCommand() *cobra.Command {
	var asJSON bool
	var layers int
	cmd := &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "A schedule in its canonical form; with --layers, layer by layer",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := attention.LoadSchedule(args[0])
			if err != nil {
				return err
			}
			hash := s.Hash()
			if layers > 0 {
				if s, err = s.For(layers); err != nil {
					return err
				}
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, struct {
					Hash     string              `json:"hash"`
					YAML     string              `json:"yaml"`
					Schedule *attention.Schedule `json:"schedule"`
				}{hash, s.YAML(), s})
			}
			fmt.Fprintf(out, "# sha256 %s\n%s", hash, s)
			if layers > 0 {
				printLayers(out, s, layers)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVar(&layers, "layers", 0, "resolve for a model of so many layers")
	return cmd
}

func printLayers(out io.Writer, s *attention.Schedule, layers int) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "# layer\ttokens\theads\tvalues\tkey bits\tthreshold\tvalue bits\t")
	for l := range layers {
		fmt.Fprintf(table, "# %d\t%.3g\t%.3g\t%.3g\t%d+%d\t%.3g\t%d\t\n", l, s.Tokens.At(l), s.Heads.At(l), s.Values.At(l),
			s.Key.MSB.At(l), s.Key.LSB.At(l), s.Key.Threshold.At(l), s.Value.Bits.At(l))
	}
	table.Flush()
}

func scheduleCheckCommand() *cobra.Command {
	var layers int
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Whether schedules can be carried out; exits with 1 at the first that cannot",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				s, err := attention.LoadSchedule(name)
				if err == nil && layers > 0 {
					_, err = s.For(layers)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, sha256 %s\n", name, s.Hash())
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&layers, "layers", 0, "for a model of so many layers")
	return cmd
}

func scheduleDeriveCommand() *cobra.Command {
	var a attention.Average
	var asJSON bool
	var layers int
	s := attention.Schedule{Average: &a}
	var msb, lsb, value int
	var threshold float32
	cmd := &cobra.Command{
		Use:   "derive",
		Short: "Lists for every layer from the paper's few parameters (section V-A)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if layers < 1 {
				return usageError{fmt.Errorf("--layers is missing: a schedule is derived for a model of so many layers")}
			}
			if msb > 0 {
				s.Key.MSB = attention.Widths{msb}
			}
			if lsb > 0 {
				s.Key.LSB, s.Key.Threshold = attention.Widths{lsb}, attention.Thresholds{threshold}
			}
			if value > 0 {
				s.Value.Bits = attention.Widths{value}
			}
			if err := s.Validate(); err != nil {
				return usageError{err}
			}
			full, err := s.For(layers)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), full)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), full)
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.IntVar(&layers, "layers", 0, "layers of the model")
	f.StringVar(&s.Name, "name", "derived", "name of the schedule")
	f.Float64Var(&a.Tokens, "tokens", 0, "share of tokens kept on average after the front (0: all)")
	f.Float64Var(&a.Heads, "heads", 0, "share of heads kept on average after the front (0: all)")
	f.Float64Var(&a.Values, "values", 0, "share of values kept in every layer (0: all)")
	f.Float64Var(&a.TokenStart, "token-start", 0, "share of tokens in the first pruned layer (0: derived)")
	f.Float64Var(&a.HeadStart, "head-start", 0, "share of heads in the first pruned layer (0: derived)")
	f.Float64Var(&a.TokenFront, "token-front", 0, "share of the layers that keep all tokens (0: 0.15)")
	f.Float64Var(&a.HeadFront, "head-front", 0, "share of the layers that keep all heads (0: 0.30)")
	f.StringVar((*string)(&a.Of), "of", "sequence", "what those are shares of: the whole sequence, or what entered the layer before (Algorithm 2)")
	f.BoolVar(&s.Renormalize, "renormalize", false, "renormalize the probabilities of the values that are left")
	f.IntVar(&msb, "key-msb", 0, "bits of keys that are always read (0: unquantized)")
	f.IntVar(&lsb, "key-lsb", 0, "bits of keys that are read on demand")
	f.Float32Var(&threshold, "threshold", 0.1, "largest probability under which they are read")
	f.IntVar(&value, "value-bits", 0, "bits of values (0: unquantized)")
	return cmd
}
