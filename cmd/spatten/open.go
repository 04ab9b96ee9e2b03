package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/checkpoint"
	"spatten/eval"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
)

// opened is a model with what it takes to run it.
type opened struct {
	checkpoint *checkpoint.Checkpoint
	model      model.Model
	tokenizer  *tokenizer.Tokenizer
	cpu        *tensor.CPU
}

// modelFlags are the flags of every verb that runs a model.
type modelFlags struct {
	model     string
	threads   int
	precision string
}

// register adds the flags; precision is the default arithmetic of the verb.
func (f *modelFlags) register(cmd *cobra.Command, name, precision string) {
	cmd.Flags().StringVarP(&f.model, "model", "m", name, "an embedded model, a folder, a file, or org/name from the hub")
	cmd.Flags().IntVar(&f.threads, "threads", 0, "threads (0: all cores)")
	if precision != "" {
		cmd.Flags().StringVar(&f.precision, "precision", precision, "arithmetic of the activations: f32 or int8")
	}
}

// open loads the model.
func (f *modelFlags) open() (*opened, error) {
	precision := tensor.F32
	switch f.precision {
	case "", "f32":
	case "int8":
		precision = tensor.Int8
	default:
		return nil, usageError{fmt.Errorf("--precision %q: f32 or int8", f.precision)}
	}
	if f.model == "" {
		return nil, usageError{errors.New("no model: name one with --model")}
	}
	hugePages()
	c, err := checkpoint.OpenNamed(f.model)
	if err != nil {
		return nil, err
	}
	o := &opened{checkpoint: c}
	if o.model, err = model.Load(c); err == nil {
		o.tokenizer, err = tokenizer.FromCheckpoint(c)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	// Weights are mapped and caches hold no pointers: collecting early costs little time and keeps the peak of memory low.
	debug.SetGCPercent(20)
	o.cpu = tensor.NewCPU(f.threads, precision)
	return o, nil
}

// openText loads the model and reads the text that a verb was given, as an argument or on standard input.
func (f *modelFlags) openText(cmd *cobra.Command, args []string) (*opened, string, error) {
	text, err := textArgument(cmd, args)
	if err != nil {
		return nil, "", err
	}
	o, err := f.open()
	return o, text, err
}

// runner evaluates the model.
func (o *opened) runner() *eval.Runner {
	return &eval.Runner{Model: o.model, CPU: o.cpu, Tokenizer: o.tokenizer}
}

// close frees the model.
func (o *opened) close() {
	o.cpu.Close()
	o.checkpoint.Close()
}

// encode tokenizes a text as the model expects it, with room for extra tokens after it.
func (o *opened) encode(text string) []tokenizer.Token {
	options := o.tokenizer.DefaultOptions()
	options.AddSpecial = true
	if info := o.model.Info(); !info.Causal && (options.MaxTokens == 0 || options.MaxTokens > info.MaxPositions) {
		options.MaxTokens = info.MaxPositions
	}
	return o.tokenizer.Encode(text, options)
}

// scheduleFlags are the flags that say what is pruned.
type scheduleFlags struct {
	fallback string // the schedule where none is named and the model has none
	schedule string
	dense    bool
	keep     float64
	numerics string
}

// register adds the flags; fallback names the schedule of models that come without one.
func (f *scheduleFlags) register(cmd *cobra.Command, fallback string) {
	f.fallback = fallback
	cmd.Flags().StringVarP(&f.schedule, "schedule", "s", "", "a schedule: a name (see 'spatten schedule list') or a YAML file (default: the model's own, else "+fallback+")")
	cmd.Flags().StringVar(&f.numerics, "numerics", "float", "arithmetic of the pruned attention: float, or hardware for the accelerator's, bit by bit")
	cmd.Flags().BoolVar(&f.dense, "dense", false, "prune nothing")
	cmd.Flags().Float64Var(&f.keep, "keep", 0, "keep this share of the tokens on average, instead of what the schedule says")
}

// resolve returns the schedule that the flags ask for: nil for a dense run.
func (f *scheduleFlags) resolve(c *checkpoint.Checkpoint) (*attention.Schedule, error) {
	if f.numerics != "float" && f.numerics != "hardware" {
		return nil, usageError{fmt.Errorf("--numerics %q: float or hardware", f.numerics)}
	}
	if f.dense {
		if f.schedule != "" || f.keep != 0 {
			return nil, usageError{errors.New("--dense excludes --schedule and --keep")}
		}
		if f.numerics == "hardware" {
			return &attention.Schedule{Name: "dense"}, nil // its numbers are not those of dense float
		}
		return nil, nil
	}
	s, err := f.named(c)
	if err != nil || f.keep == 0 {
		return s, err
	}
	kept := *s
	kept.Tokens, kept.Average = nil, &attention.Average{Tokens: f.keep}
	if s.Average != nil {
		both := *s.Average
		both.Tokens, both.TokenStart = f.keep, 0
		kept.Average = &both
	}
	if err := kept.Validate(); err != nil {
		return nil, usageError{err}
	}
	return &kept, nil
}

// arithmetic is what --numerics asks for.
func (f *scheduleFlags) arithmetic() attention.Numerics {
	if f.numerics == "hardware" {
		return attention.Hardware
	}
	return attention.Float
}

// named returns the schedule that was named, or the one that comes with the model, or the fallback.
func (f *scheduleFlags) named(c *checkpoint.Checkpoint) (*attention.Schedule, error) {
	if f.schedule != "" {
		return attention.LoadSchedule(f.schedule)
	}
	data, err := c.File("schedule.yaml")
	switch {
	case err == nil:
		return attention.ParseSchedule(strings.NewReader(string(data)))
	case errors.Is(err, fs.ErrNotExist):
		return attention.LoadSchedule(f.fallback)
	default:
		return nil, err
	}
}

// colored reports whether w is a terminal that wants colors (https://no-color.org).
func colored(w any) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && isatty.IsTerminal(f.Fd())
}
