package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"spatten/sweep"
)

// busFlags say where the servers are.
type busFlags struct {
	url, creds string
	replicas   int
}

func (f *busFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "nats", os.Getenv("SPATTEN_NATS"), "servers of a cluster, as nats://host:port[,…] (default: $SPATTEN_NATS, else a server in this process)")
	cmd.Flags().StringVar(&f.creds, "creds", "", "file with credentials for --nats")
	cmd.Flags().IntVar(&f.replicas, "replicas", 0, "copies of everything stored (0: three in a cluster, one on a single server)")
}

// open connects to the cluster, or starts a server that keeps its store in dir. create makes what is missing there.
func (f *busFlags) open(ctx context.Context, create bool, dir, listen string, errs io.Writer) (b *sweep.Bus, closeAll func(), err error) {
	if f.replicas < 0 || f.replicas > 5 {
		return nil, nil, usageError{errors.New("--replicas is from 0 to 5")}
	}
	o := sweep.BusOptions{URL: f.url, Creds: f.creds, Replicas: f.replicas}
	closeAll = func() {}
	if f.url == "" {
		if _, err := os.Stat(dir); err != nil && !create {
			return nil, nil, usageError{fmt.Errorf("no sweep was started here (%s); name the cluster with --nats, or the folder of its table with --out", filepath.Dir(dir))}
		}
		if o.Server, err = sweep.StartServer(sweep.ServerOptions{Dir: dir, Listen: listen}); err != nil {
			return nil, nil, err
		}
		closeAll = o.Server.Close
		if listen != "" {
			fmt.Fprintf(errs, "others join with: spatten sweep work --nats %s\n", o.Server.URL())
		}
	}
	if b, err = sweep.Connect(ctx, o, create || f.url == ""); err != nil {
		closeAll()
		return nil, nil, err
	}
	server := closeAll
	return b, func() { b.Close(); server() }, nil
}

func sweepWorkCommand() *cobra.Command {
	var f busFlags
	var n int
	var cache string
	cmd := &cobra.Command{
		Use:   "work --nats URL",
		Short: "Compute jobs of whatever sweeps a cluster has, until interrupted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.url == "":
				return usageError{errors.New("name the cluster with --nats")}
			case n < 1:
				return usageError{errors.New("--workers: at least 1")}
			}
			if cache == "" {
				user, err := os.UserCacheDir()
				if err != nil {
					return usageError{fmt.Errorf("no place for a cache (%w); name one with --cache", err)}
				}
				cache = filepath.Join(user, "spatten", "sweep")
			}
			b, closeBus, err := f.open(cmd.Context(), false, "", "", cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer closeBus()
			log := logger(cmd.ErrOrStderr())
			log("%d workers of version %q", n, sweep.Version())
			return runWorkers(cmd.Context(), b, n, cache, log)
		},
	}
	f.register(cmd)
	cmd.Flags().IntVar(&n, "workers", runtime.NumCPU(), "jobs at a time")
	cmd.Flags().StringVar(&cache, "cache", "", "folder for traces and models (default: of the user)")
	return cmd
}

func sweepStatusCommand() *cobra.Command {
	var f busFlags
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [SWEEP]",
		Short: "How far sweeps are, and who works",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, closeBus, err := f.existing(cmd, out, args)
			if err != nil {
				return err
			}
			defer closeBus()
			var names []string
			if len(args) > 0 {
				names = args
			} else {
				sweeps, err := b.Sweeps(cmd.Context())
				if err != nil {
					return err
				}
				for _, s := range sweeps {
					names = append(names, s.ID)
				}
			}
			for _, name := range names {
				p, err := b.Plan(cmd.Context(), name)
				if err != nil {
					return err
				}
				s, err := b.State(cmd.Context(), p)
				if err != nil {
					return err
				}
				if asJSON {
					if err := encodeLine(cmd.OutOrStdout(), s); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%.12s %s: %d of %d jobs done, %d wait, %d in hand; %d workers, %d of other versions, %d distrusted\n",
					s.ID, s.Name, s.Done, s.Jobs, s.Queued, s.Running, s.Workers, s.Others, s.Bad)
			}
			workers, err := b.Workers(cmd.Context())
			if err != nil || asJSON {
				return err
			}
			for _, w := range workers {
				fmt.Fprintf(cmd.OutOrStdout(), "  %s: %d done, %d skipped, %d late, %d in conflict, %d refused, %d given back (%s)\n", w.Worker, w.Done, w.Skipped, w.Duplicates, w.Conflicts, w.Refused, w.Failed, w.Version)
			}
			return nil
		},
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", ".", "without --nats: folder of the table")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, a line a sweep")
	return cmd
}

// existing opens what a sweep has left: on the cluster, or in the folder of its table.
func (f *busFlags) existing(cmd *cobra.Command, out string, args []string) (*sweep.Bus, func(), error) {
	dir := ""
	if f.url == "" {
		if len(args) == 0 {
			return nil, nil, usageError{errors.New("name the sweep, or its cluster with --nats")}
		}
		local := sweepFlags{out: out}
		dir = local.state(args[0], "nats")
	}
	return f.open(cmd.Context(), false, dir, "", cmd.ErrOrStderr())
}

func sweepWatchCommand() *cobra.Command {
	var f busFlags
	cmd := &cobra.Command{
		Use:   "watch SWEEP --nats URL",
		Short: "Watch a sweep until every job has a result",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.url == "" {
				return usageError{errors.New("name the cluster with --nats; a sweep without one shows its progress itself")}
			}
			b, closeBus, err := f.open(cmd.Context(), false, "", "", cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer closeBus()
			p, err := b.Plan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			show := progress(cmd.ErrOrStderr())
			last := -1
			return b.Watch(cmd.Context(), p, func(done, total int) {
				percent := 100 * done / total
				switch {
				case show != nil:
					show(done, total)
				case percent != last:
					fmt.Fprintf(cmd.OutOrStdout(), "%d of %d\n", done, total)
				}
				last = percent
			})
		},
	}
	f.register(cmd)
	return cmd
}

func sweepExportCommand() *cobra.Command {
	var f sweepFlags
	var partial bool
	cmd := &cobra.Command{
		Use:   "export SWEEP",
		Short: "Write the table of a sweep from the results that are stored",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, closeBus, err := f.bus.existing(cmd, f.out, args)
			if err != nil {
				return err
			}
			defer closeBus()
			p, err := b.Plan(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			results, _, err := b.Known(cmd.Context(), p)
			if err != nil {
				return err
			}
			if partial {
				p = p.Measured(results)
			}
			return f.write(cmd.OutOrStdout(), p, results)
		},
	}
	f.bus.register(cmd)
	cmd.Flags().StringVarP(&f.out, "out", "o", ".", "folder for the table and the plot")
	cmd.Flags().BoolVar(&partial, "partial", false, "leave out what has no result yet")
	return cmd
}
