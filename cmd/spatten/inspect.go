package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spatten/checkpoint"
)

func inspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect MODEL",
		Short: "What a checkpoint holds: format, configuration, tensors",
		Long:  "What a checkpoint holds. MODEL is an embedded model, a folder, a file, or org/name from the hub.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := checkpoint.OpenNamed(args[0])
			if err != nil {
				return err
			}
			defer c.Close()
			d, err := c.Describe()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), d)
			}
			return printDescription(cmd.OutOrStdout(), d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printDescription prints totals, configuration and tensors. Names and texts come from the file and are printed as Go would
// quote them where they hold anything unprintable.
func printDescription(out io.Writer, d *checkpoint.Description) error {
	fmt.Fprintf(out, "%s: %s, architecture %s, %d tensors, %.2f M parameters, %s\n\n",
		d.Name, d.Format, plain(d.Architecture), len(d.Tensors), float64(d.Parameters)/1e6, size(d.Bytes))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "type\ttensors\tparameters\tbytes")
	for _, t := range d.Types {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\n", t.Type, t.Tensors, t.Parameters, t.Bytes)
	}
	fmt.Fprintln(table, "\nconfiguration\tvalue")
	for _, key := range slices.Sorted(maps.Keys(d.Config)) {
		fmt.Fprintf(table, "%s\t%s\n", plain(key), plain(fmt.Sprint(d.Config[key])))
	}
	fmt.Fprintln(table, "\ntensor\ttype\tshape\tbytes")
	for _, t := range d.Tensors {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", plain(t.Name), t.Type, strings.ReplaceAll(strings.Trim(fmt.Sprint(t.Shape), "[]"), " ", " x "), t.Bytes)
	}
	return table.Flush()
}

// plain makes a text from a file fit for a line of a terminal.
func plain(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	if quoted := fmt.Sprintf("%q", s); quoted[1:len(quoted)-1] != s {
		return quoted
	}
	return s
}
