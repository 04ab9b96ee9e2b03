package bench

import (
	"context"
	"fmt"
	"io"
	"time"

	"spatten/attention/record"
	"spatten/model"
	"spatten/tensor"
	"spatten/trace"
)

// TraceCost is what writing a trace costs a run of a prompt and generated tokens: medians of runs that took turns.
type TraceCost struct {
	Prompt        int     `json:"prompt_tokens"`
	Steps         int     `json:"decode_steps"`
	Threads       int     `json:"threads"`
	Seconds       float64 `json:"seconds"` // without a trace
	Traced        float64 `json:"traced_seconds"`
	Decode        float64 `json:"decode_seconds"`
	TracedDecode  float64 `json:"traced_decode_seconds"`
	CPU           float64 `json:"cpu_seconds"` // of all threads, idle spinning included
	TracedCPU     float64 `json:"traced_cpu_seconds"`
	Slowdown      float64 `json:"slowdown"` // Traced / Seconds − 1
	Bytes         int64   `json:"trace_bytes"`
	BytesPerToken float64 `json:"trace_bytes_per_decoded_token"`
}

// counter counts what is written.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// TraceCost measures runs of a prompt of n tokens and o.Steps more, without and with a trace.
func (o *Ours) TraceCost(ctx context.Context, n, threads, rounds int) (TraceCost, error) {
	if info := o.Model.Info(); !info.Causal || n+o.Steps > info.MaxPositions {
		return TraceCost{}, fmt.Errorf("bench: %s cannot continue a prompt of %d tokens by %d", info.Name, n, o.Steps)
	}
	var total, decode, cpu [2][]float64
	var file counter
	if _, err := o.whole(ctx, o.cpu(threads), min(n, 64), nil); err != nil { // pages in the weights
		return TraceCost{}, err
	}
	for round := range rounds {
		for i := range 2 {
			traced := (i + round) % 2
			var w *trace.Writer
			if traced == 1 {
				file = counter{}
				var err error
				if w, err = trace.NewWriter(&file, record.Wants{}); err != nil {
					return TraceCost{}, err
				}
			}
			used, begin := processorTime(), time.Now()
			split, err := o.whole(ctx, o.cpu(threads), n, w)
			if err != nil {
				return TraceCost{}, err
			}
			end := time.Now()
			total[traced] = append(total[traced], end.Sub(begin).Seconds())
			decode[traced] = append(decode[traced], end.Sub(split).Seconds())
			cpu[traced] = append(cpu[traced], (processorTime() - used).Seconds())
		}
	}
	c := TraceCost{
		Prompt: n, Steps: o.Steps, Threads: threads, Bytes: file.n, BytesPerToken: float64(file.n) / float64(o.Steps),
		Seconds: median(total[0]), Traced: median(total[1]), Decode: median(decode[0]), TracedDecode: median(decode[1]),
		CPU: median(cpu[0]), TracedCPU: median(cpu[1]),
	}
	c.Slowdown = c.Traced/c.Seconds - 1
	return c, nil
}

// whole runs a prompt and the tokens after it, and the trace to its end. It returns when the prompt had been read.
func (o *Ours) whole(ctx context.Context, cpu *tensor.CPU, n int, w *trace.Writer) (split time.Time, err error) {
	o.Recorder = nil
	if w != nil {
		o.Recorder = w
		defer func() {
			o.Recorder = nil
			if closing := w.Close(); err == nil {
				err = closing
			}
		}()
	}
	s, err := o.prefill(ctx, cpu, n)
	if err != nil {
		return split, err
	}
	defer s.Close() // before the trace, whose last records it writes
	split = time.Now()
	out := make([]float32, o.Model.Info().Size(model.Logits, 1))
	next := []int32{o.prompt(n)[n-1]}
	for range o.Steps {
		if err := o.step(cpu, s, next, out); err != nil {
			return split, err
		}
	}
	return split, nil
}

// Print writes the cost for people.
func (c *TraceCost) Print(out io.Writer) error {
	_, err := fmt.Fprintf(out, `%d tokens of prompt and %d more, %d threads   without   with a trace
seconds                                    %10.3f   %10.3f   %+.1f %%
  of them writing                          %10.3f   %10.3f   %+.1f %%
processor seconds                          %10.3f   %10.3f   %+.1f %%
trace                                      %.2f MB, %.1f KB a written token
`, c.Prompt, c.Steps, c.Threads, c.Seconds, c.Traced, 100*c.Slowdown, c.Decode, c.TracedDecode, 100*(c.TracedDecode/c.Decode-1),
		c.CPU, c.TracedCPU, 100*(c.TracedCPU/max(c.CPU, 1e-9)-1), float64(c.Bytes)/1e6, c.BytesPerToken/1e3)
	return err
}
