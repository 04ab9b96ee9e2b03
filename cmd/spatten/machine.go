package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"spatten/accel/config"
	"spatten/accel/reference"
)

// machineCommand shows and checks machines.
func machineCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "machine", Short: "List, show and check the machines that can be simulated"}
	cmd.AddCommand(machineListCommand(), machineShowCommand(), machineCheckCommand())
	return cmd
}

func machineListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "The machines that come with the program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range config.Names() {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return nil
		},
	}
}

func machineShowCommand() *cobra.Command {
	var sets []string
	cmd := &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Print a machine as YAML, with the source of every number; with --set, the machine that comes of it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(sets) == 0 {
				src, err := config.Source(args[0])
				if err != nil {
					return usageError{err}
				}
				_, err = cmd.OutOrStdout().Write(src)
				return err
			}
			if kind, _ := config.Kind(args[0]); kind == reference.ConfigKind {
				c, err := reference.Load(args[0], sets)
				if err != nil {
					return usageError{err}
				}
				return yaml.NewEncoder(cmd.OutOrStdout()).Encode(c)
			}
			m, err := config.Load(args[0], sets)
			if err != nil {
				return usageError{err}
			}
			return yaml.NewEncoder(cmd.OutOrStdout()).Encode(m)
		},
	}
	cmd.Flags().StringArrayVar(&sets, "set", nil, "override one number, as unit.key=value (repeatable)")
	return cmd
}

func machineCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a machine file: keys, ranges",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind, _ := config.Kind(args[0]); kind == reference.ConfigKind {
				if _, err := reference.Load(args[0], nil); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: machine of the measured RTL\n", args[0])
				return nil
			}
			m, err := config.Load(args[0], nil)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: machine %s, hash %s, %.0f bytes and %d operations a cycle\n", args[0], m.Name, m.Hash(), m.BytesPerCycle(), m.PeakOpsPerCycle())
			return nil
		},
	}
}
