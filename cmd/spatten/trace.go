package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spatten/attention/record"
	"spatten/trace"
)

// traceCommand reads traces; `generate --trace` and `run --trace` write them.
func traceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "trace", Short: "List, summarize and convert traces of what attention did"}
	cmd.AddCommand(traceSummaryCommand(), traceListCommand(), traceImportCommand())
	return cmd
}

func traceSummaryCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "summary FILE",
		Short: "What a trace (or a workload as CSV) amounts to: tokens, heads, bytes, operations",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			records, err := trace.OpenRecords(args[0])
			if err != nil {
				return err
			}
			all, err := trace.Summarize(records)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			for i := range all {
				printSummary(cmd.OutOrStdout(), &all[i])
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printSummary(out io.Writer, s *trace.Summary) {
	fmt.Fprintf(out, "%s (%s, %d layers, %d heads of %d, %d key/value heads), precision %s\n",
		s.Run.Model, s.Run.Architecture, s.Run.Layers, s.Run.Heads, s.Run.HeadDim, s.Run.KVHeads, s.Run.Precision)
	fmt.Fprintf(out, "%d tokens, %d of them generated, in %d passes\n", s.Tokens, s.GeneratedTokens, s.Passes)
	fmt.Fprintf(out, "%d head queries scored %d keys and multiplied %d values; %d asked for LSBs\n", s.Queries, s.KeysScored, s.ValuesMultiplied, s.Recomputed)
	if s.KVBytes > 0 {
		fmt.Fprintf(out, "generation read %.2f MB of K and V: %.1f x less than dense fp32, %.1f x less than fp16\n",
			float64(s.KVBytes)/1e6, float64(s.DenseFP32KVBytes)/float64(s.KVBytes), float64(s.DenseFP16KVBytes)/float64(s.KVBytes))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "layer\tlive tokens\tlive heads\tvalues kept\tLSBs asked\tK, V bytes\t")
	for i, l := range s.Layers {
		fmt.Fprintf(table, "%d\t%d\t%d\t%.1f %%\t%.1f %%\t%d\t\n", i, l.LiveTokens, l.LiveHeads, 100*l.ValueShare, 100*l.LSBShare, l.KVBytes)
	}
	table.Flush()
}

func traceListCommand() *cobra.Command {
	var asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list FILE",
		Short: "Print a trace's records, a line each",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			records, err := trace.OpenRecords(args[0])
			if err != nil {
				return err
			}
			n := 0
			for rec, err := range records {
				if err != nil {
					return err
				}
				if n++; limit > 0 && n > limit {
					break
				}
				if asJSON {
					err = printLine(cmd.OutOrStdout(), rec)
				} else {
					_, err = fmt.Fprintln(cmd.OutOrStdout(), describe(rec))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a record")
	cmd.Flags().IntVar(&limit, "limit", 0, "stop after so many records (0: none)")
	return cmd
}

func traceImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import CSV TRACE",
		Short: "Convert a published workload into a trace",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			records, err := trace.OpenRecords(args[0])
			if err != nil {
				return err
			}
			w, err := trace.Create(args[1], record.Wants{})
			if err != nil {
				return err
			}
			if err := trace.Replay(records, w); err != nil {
				w.Close()
				return err
			}
			return w.Close()
		},
	}
}

// printLine writes a record as one line of JSON that names its kind.
func printLine(out io.Writer, rec trace.Record) error {
	return encodeLine(out, map[string]any{trace.Kind(rec): rec})
}

// describe is a record in one line for people.
func describe(rec trace.Record) string {
	switch r := rec.(type) {
	case *record.Run:
		return fmt.Sprintf("run %s: %d layers, %d heads of %d", r.Model, r.Layers, r.Heads, r.HeadDim)
	case *record.Pass:
		return fmt.Sprintf(" pass %d: %d tokens from position %d", r.Index, r.Tokens, r.First)
	case *record.Layer:
		return fmt.Sprintf("  layer %d: %d queries, %d keys, %d heads, bits %+v", r.Index, len(r.Queries), len(r.Keys), len(r.Heads), r.Bits)
	case *record.FC:
		return fmt.Sprintf("   fc %d: %d rows, %d to %d, %.2f bits a weight", r.Kind, r.Rows, r.In, r.Out, r.WeightBits)
	case *record.Head:
		if len(r.Queries) == 1 {
			return fmt.Sprintf("   head %d: %+v", r.Head, r.Queries[0])
		}
		return fmt.Sprintf("   head %d: %d queries", r.Head, len(r.Queries))
	case *record.Group:
		return fmt.Sprintf("   group %d: %d keys, %d LSBs, %d values, %d bytes", r.Group, r.Keys, r.LSBs, r.Values, r.Bytes)
	case *record.Rank:
		return fmt.Sprintf("   rank %s: %d of %d", [...]string{"tokens", "heads"}[r.Kind], r.Keep, r.Candidates)
	default:
		return "end"
	}
}
