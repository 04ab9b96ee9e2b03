package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"spatten/sweep"
)

// sweepCommand computes grids, here or on many machines.
func sweepCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "sweep", Short: "A grid of simulations or evaluations, on this machine or on many"}
	cmd.AddCommand(sweepRunCommand(), sweepResumeCommand(), sweepWorkCommand(), sweepStatusCommand(), sweepWatchCommand(), sweepExportCommand(), sweepListCommand())
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
	bus     busFlags
	workers int
	out     string
	local   bool
	audit   float64
	listen  string
}

func (f *sweepFlags) register(cmd *cobra.Command) {
	f.bus.register(cmd)
	cmd.Flags().IntVar(&f.workers, "workers", runtime.NumCPU(), "jobs at a time on this machine (with --nats: 0 unless given)")
	cmd.Flags().StringVarP(&f.out, "out", "o", ".", "folder for the table and the plot")
	cmd.Flags().Float64Var(&f.audit, "audit", 0.05, "share of the jobs that are computed a second time, here, to find workers that are wrong")
	cmd.Flags().StringVar(&f.listen, "listen", "", "without --nats: let workers of other machines join at this host:port")
}

func sweepRunCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "run GRID",
		Short: "Compute every point of a grid: a table as CSV and Parquet, and the front as a plot",
		Long: `Compute every point of a grid: a table as CSV and Parquet, and the front as a plot.

Without --nats everything happens in this process; with it, the jobs go to the workers of a cluster ('spatten sweep work').
Killed at any moment and started again with the same words, it goes on where it was, and ends with the same table.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := sweep.LoadGrid(args[0])
			if err != nil {
				return usageError{err}
			}
			p, err := g.Plan()
			if err != nil {
				return usageError{err}
			}
			if !f.local {
				return f.run(cmd, p.Name, func(context.Context, *sweep.Bus) (*sweep.Plan, error) { return p, nil })
			}
			if cmd.Flags().Changed("nats") {
				return usageError{errors.New("--local excludes --nats")}
			}
			results, err := sweep.Local(cmd.Context(), p, f.state(p.Name, "files"), f.workers, progress(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			return f.write(cmd.OutOrStdout(), p, results)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.local, "local", false, "compute in this process, without a server: nothing is kept of a sweep that was interrupted")
	return cmd
}

func sweepResumeCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "resume SWEEP",
		Short: "Go on with a sweep whose command was interrupted, without its grid",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, args[0], func(ctx context.Context, b *sweep.Bus) (*sweep.Plan, error) { return b.Plan(ctx, args[0]) })
		},
	}
	f.register(cmd)
	return cmd
}

// state is a folder for what a sweep keeps beside its table.
func (f *sweepFlags) state(name, part string) string {
	return filepath.Join(f.out, "."+name+".sweep", part)
}

// run connects, works here too if that is asked for, and sees the plan through.
func (f *sweepFlags) run(cmd *cobra.Command, name string, plan func(context.Context, *sweep.Bus) (*sweep.Plan, error)) error {
	switch {
	case f.workers < 0:
		return usageError{errors.New("--workers cannot be negative")}
	case !(f.audit >= 0 && f.audit <= 1):
		return usageError{errors.New("--audit is a share from 0 to 1")}
	case f.bus.url != "" && f.listen != "":
		return usageError{errors.New("--listen is for a sweep without --nats")}
	case f.bus.url != "" && !cmd.Flags().Changed("workers"):
		f.workers = 0
	}
	errs := cmd.ErrOrStderr()
	b, closeBus, err := f.bus.open(cmd.Context(), true, f.state(name, "nats"), f.listen, errs)
	if err != nil {
		return err
	}
	defer closeBus()
	p, err := plan(cmd.Context(), b)
	if err != nil {
		return err
	}
	log := logger(errs)
	ctx, cancel := context.WithCancel(cmd.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() {
		if err := runWorkers(ctx, b, f.workers, f.state(name, "files"), log); err != nil {
			log("%v", err)
		}
	})
	files, err := sweep.NewCache(f.state(name, "files"), b.Fetch)
	if err != nil {
		return err
	}
	c := &sweep.Coordinator{Audit: f.audit, Files: files, Log: log, Progress: progress(errs)}
	results, counts, err := c.Run(cmd.Context(), b, p)
	if err != nil {
		return err
	}
	if counts != (sweep.Counts{Audited: counts.Audited}) {
		fmt.Fprintf(errs, "noticed: %d results refused, %d late or twice, %d in conflict, %d wrong, %d discarded with their worker\n", counts.Refused, counts.Duplicates, counts.Conflicts, counts.Wrong, counts.Discarded)
	}
	return f.write(cmd.OutOrStdout(), p, results)
}

// runWorkers works in this process until ctx is done, or until no worker is left.
func runWorkers(ctx context.Context, b *sweep.Bus, n int, cache string, log func(string, ...any)) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			w, err := sweep.NewWorker(b, cache, log)
			if err == nil {
				err = w.Run(ctx, b)
			}
			errs[i] = err
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// logger writes a line at a time.
func logger(w io.Writer) func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, format+"\n", args...)
	}
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
