package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"spatten/attention"
	"spatten/bench"
	"spatten/tensor"
)

// benchFlags are the flags of bench.
type benchFlags struct {
	modelFlags
	schedule         string
	keep             float64
	against          []string
	onnx             string
	firstToken       int
	text             string
	depths, prefills []int
	encodes          []int
	rounds, steps    int
	batch            int
	trace            int
	json             bool
}

// benchCommand measures speed, dense and pruned, beside the peers.
func benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure prefill, decode and encode speed, dense and pruned, interleaved with other programs",
		Long: `Measure how fast a model reads and writes, dense and with a schedule. Contenders take turns, so that a drift of the
machine meets all alike; medians and ratios are printed.

  --against llama.cpp=PATH            llama-bench, with an f16 cache and without flash attention (its fastest setting here)
  --against llama-simple=PATH         llama.cpp's smallest program, for the time from a start to the first token
  --against onnxruntime=PYTHON        an interpreter with onnxruntime, with --onnx FILE`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.register(cmd, "", "int8")
	flags := cmd.Flags()
	flags.Lookup("threads").Usage = "threads (0: one, and all cores)"
	flags.StringVarP(&f.schedule, "schedule", "s", "", "also measure with this schedule: a name, a YAML file, or \"model\" for the one that comes with the model")
	flags.Float64Var(&f.keep, "keep", 0, "also measure with this share of the tokens on average, instead of what the schedule says")
	flags.StringArrayVar(&f.against, "against", nil, "a peer: llama.cpp=PATH of llama-bench, llama-simple=PATH, or onnxruntime=PYTHON")
	flags.StringVar(&f.onnx, "onnx", "", "the peer's .onnx file")
	flags.StringVar(&f.text, "text", "", "take prompts from this text (default: random tokens)")
	flags.IntSliceVar(&f.depths, "depth", []int{128}, "decode at these depths")
	flags.IntSliceVar(&f.prefills, "prefill", []int{512}, "read prompts of these lengths")
	flags.IntSliceVar(&f.encodes, "encode", []int{128, 512}, "pass texts of these lengths through an encoder")
	flags.IntVar(&f.firstToken, "first-token", 0, "measure the time from the program's start to the first token after a prompt of so many tokens (0: not, or 32 against llama-simple)")
	flags.IntVar(&f.rounds, "rounds", 3, "measurements of each")
	flags.IntVar(&f.steps, "steps", 32, "tokens that a decode test writes")
	flags.IntVar(&f.batch, "batch", 1, "texts that an encoder passes together")
	flags.IntVar(&f.trace, "trace", 0, "measure instead what writing a trace costs a prompt of so many tokens and 128 more")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (f *benchFlags) run(cmd *cobra.Command) error {
	if f.rounds < 1 || f.steps < 1 || f.batch < 1 {
		return usageError{errors.New("--rounds, --steps and --batch are at least 1")}
	}
	o, err := f.open()
	if err != nil {
		return err
	}
	defer o.close()
	ours, err := f.ours(o)
	if err != nil {
		return err
	}
	contenders := make([]bench.Contender, 0, len(ours)+len(f.against))
	for _, c := range ours {
		defer c.Close()
		contenders = append(contenders, c)
	}
	if f.trace > 0 {
		return f.traceCost(cmd, ours[len(ours)-1])
	}
	programs, err := f.programs(o)
	if err != nil {
		return err
	}
	contenders = append(contenders, programs...)
	peers, err := f.peers()
	if err != nil {
		return err
	}
	contenders = append(contenders, peers...)
	bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(cmd.ErrOrStderr()), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetVisibility(colored(cmd.ErrOrStderr())))
	rows, err := bench.Run(cmd.Context(), contenders, f.tests(o.model.Info().Causal), f.rounds, func(done, of int, what string) {
		bar.ChangeMax(max(1, of))
		bar.Describe(what)
		bar.Set(done)
	})
	bar.Finish()
	if err != nil {
		return err
	}
	bandwidth := bench.Bandwidth()
	if f.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"rows": rows, "precision": o.cpu.Precision().String(), "read_bandwidth_gb_per_s": bandwidth})
	}
	if err := bench.Table(cmd.OutOrStdout(), rows); err != nil {
		return err
	}
	info := o.model.Info()
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nactivations in %s; one thread reads %.1f GB/s from memory; %.1f MB of weights: at most %.0f tokens/s a thread without a cache\n",
		o.cpu.Precision(), bandwidth, float64(info.WeightBytes)/1e6, bandwidth*1e9/float64(info.WeightBytes))
	return err
}

// traceCost measures what writing a trace costs the last mode: the schedule where one is named, else dense.
func (f *benchFlags) traceCost(cmd *cobra.Command, o *bench.Ours) error {
	if !cmd.Flags().Changed("steps") {
		o.Steps = 128
	}
	threads := f.threads
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	cost, err := o.TraceCost(cmd.Context(), f.trace, threads, f.rounds)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), cost)
	}
	return cost.Print(cmd.OutOrStdout())
}

// ours returns this program's modes: dense, and pruned where a schedule was named.
func (f *benchFlags) ours(o *opened) ([]*bench.Ours, error) {
	var tokens []int32
	if f.text != "" {
		data, err := os.ReadFile(f.text)
		if err != nil {
			return nil, err
		}
		for _, t := range o.tokenizer.Encode(string(data), o.tokenizer.DefaultOptions()) {
			tokens = append(tokens, t.ID)
		}
	}
	precision := tensor.F32
	if f.precision == "int8" {
		precision = tensor.Int8
	}
	mode := func(s *attention.Schedule) *bench.Ours {
		return &bench.Ours{Model: o.model, Precision: precision, Schedule: s, Steps: f.steps, Tokens: tokens, BatchSize: f.batch}
	}
	modes := []*bench.Ours{mode(nil)}
	if f.schedule != "" || f.keep != 0 {
		pruning := scheduleFlags{fallback: "default", schedule: f.schedule, keep: f.keep, numerics: "float"}
		if f.schedule == "model" {
			pruning.schedule = ""
		}
		s, err := pruning.resolve(o.checkpoint)
		if err != nil {
			return nil, err
		}
		modes = append(modes, mode(s))
	}
	return modes, nil
}

// peers parses --against.
func (f *benchFlags) peers() ([]bench.Contender, error) {
	var peers []bench.Contender
	for _, a := range f.against {
		name, path, ok := strings.Cut(a, "=")
		switch {
		case ok && name == "llama.cpp":
			peers = append(peers, &bench.LlamaCpp{Bench: path, Model: f.gguf(), Steps: f.steps})
		case ok && name == "llama-simple": // see programs
		case ok && name == "onnxruntime":
			if f.onnx == "" {
				return nil, usageError{errors.New("--against onnxruntime needs the model: --onnx FILE")}
			}
			peers = append(peers, &bench.OnnxRuntime{Python: path, Model: f.onnx, Name: "dense"})
		default:
			return nil, usageError{fmt.Errorf("--against %q: llama.cpp=PATH, llama-simple=PATH or onnxruntime=PYTHON", a)}
		}
	}
	return peers, nil
}

// gguf returns the file that a peer opens: the one in the model's folder.
func (f *benchFlags) gguf() string {
	if info, err := os.Stat(f.model); err == nil && info.IsDir() {
		if found, _ := filepath.Glob(filepath.Join(f.model, "*.gguf")); len(found) == 1 {
			return found[0]
		}
	}
	return f.model
}

// firstText is a prompt for first tokens where --text names none.
const firstText = "A small machine with two cores reads a text from its beginning, token after token, and everything that the model will later need of it is kept " +
	"as keys and values in every layer, so that the next word can be written as soon as the last one of the prompt has been read."

// programs returns those that are started anew for the time to the first token: this one, and llama-simple.
func (f *benchFlags) programs(o *opened) ([]bench.Contender, error) {
	var peer string
	for _, a := range f.against {
		if name, path, ok := strings.Cut(a, "="); ok && name == "llama-simple" {
			peer = path
		}
	}
	if peer != "" && f.firstToken == 0 {
		f.firstToken = 32
	}
	if f.firstToken == 0 {
		return nil, nil
	}
	if !o.model.Info().Causal {
		return nil, usageError{errors.New("--first-token needs a language model")}
	}
	text := firstText
	if f.text != "" {
		data, err := os.ReadFile(f.text)
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	tokens := o.tokenizer.Encode(text, o.tokenizer.DefaultOptions())
	if len(tokens) < f.firstToken {
		return nil, usageError{fmt.Errorf("a text of %d tokens is too short for a prompt of %d; name a longer one with --text", len(tokens), f.firstToken)}
	}
	prompt := text[:tokens[f.firstToken-1].End]
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	programs := []bench.Contender{&bench.Program{Name: "spatten", Command: []string{
		self, "generate", "--model", f.model, "--precision", f.precision, "--threads", strconv.Itoa(f.threads), "--dense", "--max-tokens", "1", "--ignore-end", "--quiet", "--", prompt}}}
	if peer != "" {
		programs = append(programs, &bench.Program{Name: "llama.cpp", Command: []string{peer, "-m", f.gguf(), "-n", "1", prompt}})
	}
	return programs, nil
}

// tests lists what is measured.
func (f *benchFlags) tests(causal bool) []bench.Test {
	threads := []int{1}
	if f.threads > 0 {
		threads = []int{f.threads}
	} else if runtime.NumCPU() > 1 {
		threads = append(threads, runtime.NumCPU())
	}
	var tests []bench.Test
	add := func(kind bench.Kind, depths []int) {
		for _, d := range depths {
			for _, n := range threads {
				tests = append(tests, bench.Test{Kind: kind, Depth: d, Threads: n})
			}
		}
	}
	if causal {
		add(bench.Prefill, f.prefills)
		add(bench.Decode, f.depths)
		if f.firstToken > 0 {
			tests = append(tests, bench.Test{Kind: bench.FirstToken, Depth: f.firstToken, Threads: threads[len(threads)-1]})
		}
	} else {
		add(bench.Encode, f.encodes)
	}
	return tests
}
