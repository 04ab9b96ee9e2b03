package eval

import (
	"context"
	"fmt"

	"spatten/attention"
	"spatten/generate"
	"spatten/model"
)

// read returns a sequence that has read a prompt under a schedule, and writes the logits after it.
func (r *Runner) read(ctx context.Context, prompt []int32, schedule *attention.Schedule, logits []float32) (*attention.Sequence, error) {
	seq, err := r.sequence(schedule)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	chunks := (&generate.Options{Schedule: schedule}).Chunks(prompt)
	for i, tokens := range chunks {
		chunk := model.Chunk{Seq: seq, Tokens: tokens}
		if i == len(chunks)-1 {
			chunk.Last, chunk.Want, chunk.Out = true, model.Logits, logits
		}
		if err := r.pass(ctx, chunk); err != nil {
			seq.Close()
			return nil, err
		}
	}
	return seq, nil
}

// shares reports whether a schedule can go on from a prompt that another one has read: it reads prompts in full, and nobody
// has to have watched what was important there.
func (r *Runner) shares(schedule *attention.Schedule) bool {
	averages := schedule.Average != nil && (schedule.Average.Tokens > 0 || schedule.Average.Heads > 0)
	return schedule.Prompt == attention.PromptDense && len(schedule.Tokens)+len(schedule.Heads) == 0 && !averages && r.Numerics != attention.Hardware
}

func (r *Runner) pass(ctx context.Context, chunks ...model.Chunk) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	if err := r.Model.Forward(r.CPU, &r.batch, chunks); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	return nil
}
