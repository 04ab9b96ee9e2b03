package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"spatten/sweep"
)

// sweepCommand computes grids, here or on many machines.
func sweepCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "sweep", Short: "A grid of simulations or evaluations, on this machine or on many"}
	cmd.AddCommand(sweepRunCommand(), sweepListCommand())
	return cmd
}

func sweepListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "The grids that ship with the program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range sweep.GridNames() {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		},
	}
}

// sweepFlags are the flags of the verbs that make a table.
type sweepFlags struct {
	workers int
	out     string
	local   bool
}

func sweepRunCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "run GRID",
		Short: "Compute every point of a grid: a table as CSV and Parquet, and the front as a plot",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.workers < 0 {
				return usageError{errors.New("--workers cannot be negative")}
			}
			g, err := sweep.LoadGrid(args[0])
			if err != nil {
				return usageError{err}
			}
			p, err := g.Plan()
			if err != nil {
				return usageError{err}
			}
			results, err := sweep.Local(cmd.Context(), p, f.state(p, "files"), f.workers, progress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			return f.write(cmd.OutOrStdout(), p, results)
		},
	}
	cmd.Flags().IntVar(&f.workers, "workers", runtime.NumCPU(), "jobs at a time on this machine")
	cmd.Flags().StringVarP(&f.out, "out", "o", ".", "folder for the table and the plot")
	cmd.Flags().BoolVar(&f.local, "local", false, "compute in this process, without a server: nothing is kept of a sweep that was interrupted")
	return cmd
}

// state is a folder for what a sweep keeps beside its table.
func (f *sweepFlags) state(p *sweep.Plan, name string) string {
	return filepath.Join(f.out, "."+p.Name+".sweep", name)
}

// write writes the table and the plot, and prints the front.
func (f *sweepFlags) write(out io.Writer, p *sweep.Plan, results []*sweep.Result) error {
	t, err := p.Table(results)
	if err != nil {
		return err
	}
	for format, write := range map[string]func(io.Writer) error{
		"csv": t.CSV, "parquet": t.Parquet, "svg": func(w io.Writer) error { return t.Plot(w, "svg") },
	} {
		if err := writeFile(filepath.Join(f.out, p.Name+"."+format), write); err != nil {
			return err
		}
	}
	if err := t.WriteFront(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d points, %d jobs: %s.csv, .parquet, .svg\n", t.Len(), len(p.Jobs), filepath.Join(f.out, p.Name))
	if n, first := t.Failed(); n > 0 {
		return fmt.Errorf("%d of %d points could not be measured; the first: %s", n, t.Len(), first)
	}
	return nil
}

// writeFile writes a file in one go: beside its place first.
func writeFile(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(file.Name(), name)
}
