package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/model"
	"spatten/tensor"
)

// Ours is this program in one mode: a model, dense or with a schedule.
type Ours struct {
	Model     model.Model
	Precision tensor.Precision
	Schedule  *attention.Schedule // nil is dense
	Steps     int                 // tokens that a decode test writes
	Tokens    []int32             // of a real text, from which prompts are taken; random ones where it is too short
	BatchSize int                 // texts that an encoder passes together; 0 is one
	CacheBits int                 // 0: 8 with int8, else 32
	Recorder  record.Recorder     // of what is run next, or nil

	cpus  map[int]*tensor.CPU
	batch model.Batch
	read  map[int]*attention.Sequence // by depth: the state after a prompt, read once
}

// Peer implements Contender.
func (o *Ours) Peer() string { return ours }

// Mode implements Contender.
func (o *Ours) Mode() string {
	if o.Schedule == nil {
		return "dense"
	}
	return "pruned"
}

// Can implements Contender.
func (o *Ours) Can(k Kind) bool {
	if o.Model.Info().Causal {
		return k == Prefill || k == Decode
	}
	return k == Encode
}

// Close frees threads and caches.
func (o *Ours) Close() {
	for _, c := range o.cpus {
		c.Close()
	}
	for _, s := range o.read {
		s.Close()
	}
}

// Measure implements Contender.
func (o *Ours) Measure(ctx context.Context, t Test) (Sample, error) {
	cpu := o.cpu(t.Threads)
	switch t.Kind {
	case Prefill:
		begin := time.Now()
		s, err := o.prefill(ctx, cpu, t.Depth)
		if err != nil {
			return Sample{}, err
		}
		defer s.Close()
		return Sample{TokensPerSecond: float64(t.Depth) / time.Since(begin).Seconds(), CacheBytes: s.Bytes()}, nil
	case Decode:
		return o.decode(ctx, cpu, t.Depth)
	default:
		return o.encode(cpu, t.Depth)
	}
}

func (o *Ours) cpu(threads int) *tensor.CPU {
	if o.cpus == nil {
		o.cpus, o.read = map[int]*tensor.CPU{}, map[int]*attention.Sequence{}
	}
	if o.cpus[threads] == nil {
		o.cpus[threads] = tensor.NewCPU(threads, o.Precision)
	}
	return o.cpus[threads]
}

// sequence returns an empty one.
func (o *Ours) sequence() (*attention.Sequence, error) {
	bits := o.CacheBits
	if bits == 0 {
		if bits = 32; o.Precision == tensor.Int8 && o.Model.Info().Causal {
			bits = 8
		}
	}
	return attention.NewSequence(o.Model.Info().Shape(), o.Schedule, attention.Options{CacheBits: bits, Recorder: o.Recorder})
}

// prompt returns n tokens, of the text where it is long enough.
func (o *Ours) prompt(n int) []int32 {
	if len(o.Tokens) >= n {
		return o.Tokens[:n]
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(o.Model.Info().Vocab))
	}
	return ids
}

// prefillChunk is the tokens a pass where the schedule leaves the chunk open.
const prefillChunk = 512

// prefill reads a prompt of n tokens.
func (o *Ours) prefill(ctx context.Context, cpu *tensor.CPU, n int) (*attention.Sequence, error) {
	s, err := o.sequence()
	if err != nil {
		return nil, err
	}
	chunk := prefillChunk
	switch s := o.Schedule; {
	case s != nil && s.Chunk > 0:
		chunk = s.Chunk
	case !s.ChunksFreely():
		chunk = n
	}
	prompt := o.prompt(n)
	out := make([]float32, o.Model.Info().Size(model.Logits, 1))
	for len(prompt) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c := model.Chunk{Seq: s, Tokens: prompt[:min(chunk, len(prompt))]}
		if prompt = prompt[len(c.Tokens):]; len(prompt) == 0 {
			c.Last, c.Want, c.Out = true, model.Logits, out
		}
		if err := o.Model.Forward(cpu, &o.batch, []model.Chunk{c}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// decode writes tokens after a prompt of depth tokens, which is read once for all rounds.
func (o *Ours) decode(ctx context.Context, cpu *tensor.CPU, depth int) (Sample, error) {
	if o.read[depth] == nil {
		s, err := o.prefill(ctx, o.cpu(0), depth)
		if err != nil {
			return Sample{}, err
		}
		o.read[depth] = s
	}
	info := o.Model.Info()
	if depth+1+o.Steps > info.MaxPositions {
		return Sample{}, fmt.Errorf("bench: %d tokens after %d exceed the model's %d positions", o.Steps, depth, info.MaxPositions)
	}
	s := o.read[depth].Fork()
	defer s.Close()
	out := make([]float32, info.Vocab)
	next := []int32{o.prompt(depth)[depth-1]}
	// The first token turns a prompt that was read in full to the schedule's formats, which is part of reading it.
	if err := o.step(cpu, s, next, out); err != nil {
		return Sample{}, err
	}
	before := s.Cost().Spatten.KVBytes
	begin := time.Now()
	for range o.Steps {
		if err := o.step(cpu, s, next, out); err != nil {
			return Sample{}, err
		}
	}
	seconds := time.Since(begin).Seconds()
	return Sample{
		TokensPerSecond: float64(o.Steps) / seconds, CacheBytes: s.Bytes(),
		ReadBytes: (s.Cost().Spatten.KVBytes - before) / int64(o.Steps),
	}, nil
}

// step passes a token and replaces it with the likeliest one after it.
func (o *Ours) step(cpu *tensor.CPU, s *attention.Sequence, next []int32, out []float32) error {
	err := o.Model.Forward(cpu, &o.batch, []model.Chunk{{Seq: s, Tokens: next, Last: true, Want: model.Logits, Out: out}})
	for i, v := range out {
		if v > out[next[0]] {
			next[0] = int32(i)
		}
	}
	return err
}

// encode passes texts of n tokens through an encoder, as often as fits in a second.
func (o *Ours) encode(cpu *tensor.CPU, n int) (Sample, error) {
	info := o.Model.Info()
	want := model.Embedding
	if len(info.Labels) > 0 {
		want = model.Logits
	}
	size := max(1, o.BatchSize)
	once := func() error {
		chunks := make([]model.Chunk, size)
		for i := range chunks {
			s, err := o.sequence()
			if err != nil {
				return err
			}
			defer s.Close()
			chunks[i] = model.Chunk{Seq: s, Tokens: o.prompt(n), Last: true, Want: want, Out: make([]float32, info.Size(want, n))}
		}
		return o.Model.Forward(cpu, &o.batch, chunks)
	}
	if err := once(); err != nil {
		return Sample{}, err
	}
	var rates []float64
	for end := time.Now().Add(time.Second); time.Now().Before(end) || len(rates) < 3; {
		begin := time.Now()
		if err := once(); err != nil {
			return Sample{}, err
		}
		rates = append(rates, float64(size*n)/time.Since(begin).Seconds())
	}
	return Sample{TokensPerSecond: median(rates)}, nil
}
