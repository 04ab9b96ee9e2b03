package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spatten/checkpoint"
	"spatten/models"
	"spatten/serve"
	"spatten/tensor"
)

// serveCommand offers models over HTTP, and the page that shows them.
func serveCommand() *cobra.Command {
	c := serve.Defaults
	var names []string
	var threads int
	var precision, keyFile string
	var cacheMB int64
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "An OpenAI-compatible server, and a page that shows attention pruned live",
		Long: `Serve models over HTTP: an OpenAI-compatible interface under /v1, the page at /, metrics at /metrics.

The embedded models are always offered, others by --model, under the last part of their names.
API keys, one a line, are read from --key-file or from $SPATTEN_API_KEYS (separated by commas).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if c.Keys, err = apiKeys(keyFile); err != nil {
				return err
			}
			if (c.CertFile == "") != (c.KeyFile == "") {
				return usageError{errors.New("--tls-cert and --tls-key go together")}
			}
			if cacheMB < 1 || c.Limits.Queue < 1 || c.Limits.Active < 1 {
				return usageError{errors.New("--cache-mb, --queue and --active are at least 1")}
			}
			if c.Machine != "" && !slices.Contains(serve.Machines(), c.Machine) {
				return usageError{fmt.Errorf("--machine %q: one of %s", c.Machine, strings.Join(serve.Machines(), ", "))}
			}
			c.Limits.CacheBytes = cacheMB << 20
			c.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			p := tensor.F32
			if precision == "int8" {
				p = tensor.Int8
			} else if precision != "f32" {
				return usageError{fmt.Errorf("--precision %q: f32 or int8", precision)}
			}
			cpu := tensor.NewCPU(threads, p)
			defer cpu.Close()
			s := serve.New(c)
			for _, name := range slices.Concat(models.Names(), names) {
				ckpt, err := checkpoint.OpenNamed(name)
				if err != nil {
					return err
				}
				defer ckpt.Close()
				id := strings.TrimSuffix(filepath.Base(filepath.Clean(name)), ".gguf")
				if err := s.Add(id, ckpt, cpu); err != nil {
					return err
				}
			}
			return s.Listen(cmd.Context(), grace, func(a net.Addr) {
				scheme := "http"
				if c.CertFile != "" {
					scheme = "https"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "spatten serves at %s://%s\n", scheme, a)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Addr, "addr", c.Addr, "address to listen on; beyond loopback only if you say so")
	f.StringArrayVarP(&names, "model", "m", nil, "offer this model too: a folder, a file or org/name (repeatable)")
	f.IntVar(&threads, "threads", 0, "threads (0: all cores)")
	f.StringVar(&precision, "precision", "int8", "arithmetic of the activations: f32 or int8")
	f.StringArrayVar(&c.Hosts, "host", nil, "a name by which clients reach the server (repeatable)")
	f.StringArrayVar(&c.Origins, "origin", nil, "a page elsewhere that may call it, as scheme://host (repeatable)")
	f.StringVar(&keyFile, "key-file", "", "file with API keys, one a line")
	f.StringVar(&c.CertFile, "tls-cert", "", "certificate file, with --tls-key")
	f.StringVar(&c.KeyFile, "tls-key", "", "key file, with --tls-cert")
	f.Int64Var(&cacheMB, "cache-mb", c.Limits.CacheBytes>>20, "memory for the caches of all requests together, in MiB")
	f.IntVar(&c.Limits.Queue, "queue", c.Limits.Queue, "requests that may wait")
	f.IntVar(&c.Limits.Active, "active", c.Limits.Active, "requests served at once, for each model")
	f.StringVar(&c.Machine, "machine", "", "simulate every text on this accelerator and report cycles and energy in its usage")
	f.DurationVar(&c.Deadline, "deadline", c.Deadline, "longest time of one request")
	f.DurationVar(&grace, "grace", 30*time.Second, "how long a shutdown waits for what was begun")
	return cmd
}

// apiKeys reads the keys from a file or the environment.
func apiKeys(file string) ([]string, error) {
	var lines []string
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("API keys: %w", err)
		}
		lines = strings.Split(string(data), "\n")
	} else {
		lines = strings.Split(os.Getenv("SPATTEN_API_KEYS"), ",")
	}
	var keys []string
	for _, l := range lines {
		if k := strings.TrimSpace(l); k != "" {
			keys = append(keys, k)
		}
	}
	if file != "" && len(keys) == 0 {
		return nil, fmt.Errorf("API keys: %s holds none", file)
	}
	return keys, nil
}
