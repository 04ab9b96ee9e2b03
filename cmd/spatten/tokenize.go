package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"spatten/checkpoint"
	"spatten/tokenizer"
)

// tokenizeCommand shows how a model reads a text.
func tokenizeCommand() *cobra.Command {
	var model, pair string
	var asJSON, special, parse bool
	var limit int
	cmd := &cobra.Command{
		Use:   "tokenize [TEXT]",
		Short: "Cut a text into a model's tokens",
		Long: `Cut a text (the argument, or standard input) into a model's tokens.

By default the model's own surroundings are added ([CLS], [SEP], BOS: --special=false leaves them out), and names
of special tokens in the text ("<|im_end|>", "[MASK]") are read as those tokens by models with a chat template and
by encoders, as plain text by others (--parse-special). Encoders read at most as many tokens as their file says.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := textArgument(cmd, args)
			if err != nil {
				return err
			}
			c, err := checkpoint.OpenNamed(model)
			if err != nil {
				return err
			}
			defer c.Close()
			t, err := tokenizer.FromCheckpoint(c)
			if err != nil {
				return err
			}
			o := t.DefaultOptions()
			o.AddSpecial = special
			flags := cmd.Flags()
			if flags.Changed("parse-special") {
				o.ParseSpecial = parse
			}
			if flags.Changed("max-tokens") {
				if limit < 0 {
					return usageError{fmt.Errorf("--max-tokens %d: must be 0 (no limit) or more", limit)}
				}
				o.MaxTokens = limit
			}
			if flags.Changed("pair") {
				o.Pair = &pair
			}
			tokens := t.Encode(text, o)
			if o.MaxTokens > 0 && len(tokens) == o.MaxTokens {
				fmt.Fprintf(cmd.ErrOrStderr(), "at most %d tokens are shown (--max-tokens 0 shows all)\n", o.MaxTokens)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), tokenized(tokens))
			}
			return printTokens(cmd.OutOrStdout(), tokens)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&model, "model", "m", "sentiment", "the model: embedded name, folder, file or hub name")
	flags.StringVar(&pair, "pair", "", "a second text, for models that compare two")
	flags.BoolVar(&special, "special", true, "add the tokens around the text that the model expects")
	flags.BoolVar(&parse, "parse-special", false, "read names of special tokens in the text as those tokens")
	flags.IntVar(&limit, "max-tokens", 0, "cut to so many tokens; 0 is no limit (default: what an encoder can read)")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// textArgument returns the one argument, or all of standard input.
func textArgument(cmd *cobra.Command, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	all, err := io.ReadAll(cmd.InOrStdin())
	if err != nil {
		return "", fmt.Errorf("read the text from standard input: %w", err)
	}
	return string(all), nil
}

// tokenizedJSON is the JSON form of a tokenized text; offsets are bytes of the text.
type tokenizedJSON struct {
	IDs     []int32  `json:"ids"`
	Pieces  []string `json:"pieces"`
	Offsets [][2]int `json:"offsets"`
}

func tokenized(tokens []tokenizer.Token) tokenizedJSON {
	out := tokenizedJSON{IDs: tokenizer.IDs(tokens), Pieces: make([]string, len(tokens)), Offsets: make([][2]int, len(tokens))}
	for i, t := range tokens {
		out.Pieces[i] = t.Piece
		out.Offsets[i] = [2]int{t.Start, t.End}
	}
	return out
}

// printTokens writes pieces with their ids below, wrapped.
func printTokens(out io.Writer, tokens []tokenizer.Token) error {
	const width = 100
	var pieces, ids strings.Builder
	flush := func() error {
		_, err := fmt.Fprintf(out, "%s\n%s\n\n", strings.TrimRight(pieces.String(), " "), strings.TrimRight(ids.String(), " "))
		pieces.Reset()
		ids.Reset()
		return err
	}
	column := 0
	for _, t := range tokens {
		piece, id := t.Piece, fmt.Sprint(t.ID)
		w := max(len([]rune(piece)), len(id)) + 1
		if column > 0 && column+w > width {
			if err := flush(); err != nil {
				return err
			}
			column = 0
		}
		column += w
		fmt.Fprintf(&pieces, "%-*s", w, piece)
		fmt.Fprintf(&ids, "%-*s", w, id)
	}
	if column > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%d tokens\n", len(tokens))
	return err
}
