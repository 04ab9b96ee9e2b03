package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"spatten/model"
	"spatten/tokenizer"
)

// embedCommand prints the embedding of a text, dense and in fp32.
func embedCommand() *cobra.Command {
	var m modelFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "embed [TEXT]",
		Short: "The embedding of a text, dense and in fp32",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, text, err := m.openText(cmd, args)
			if err != nil {
				return err
			}
			defer o.close()
			tokens := o.encode(text)
			embedding, err := o.runner().Answer(tokenizer.IDs(tokens), segments(tokens), model.Embedding)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					IDs       []int32   `json:"ids"`
					Embedding []float32 `json:"embedding"`
				}{tokenizer.IDs(tokens), embedding})
			}
			for _, v := range embedding {
				fmt.Fprintln(cmd.OutOrStdout(), v)
			}
			return nil
		},
	}
	m.register(cmd, "sentiment", "")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
