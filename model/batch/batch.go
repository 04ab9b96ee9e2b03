package batch

import (
	"errors"
	"fmt"
	"slices"

	"spatten/attention"
	"spatten/tensor"
)

// ErrContext is returned for a sequence that would grow past the model's positions.
var ErrContext = errors.New("context limit reached")

// Chunk is the part of one sequence that goes through a model in one pass: a whole sentence, a piece of a prompt, or
// one generated token.
type Chunk struct {
	Seq     *attention.Sequence
	Tokens  []int32
	TypeIDs []int32 // BERT's segments; nil is segment 0
	Last    bool    // the last chunk of a prompt, or a generated token
	Want    Want
	Out     []float32 // is filled in; its length is Info.Size(Want, len(Tokens))
	// Leader, where not nil, is the sequence of an earlier chunk of the batch that decides which tokens and heads fall
	// here too: the best of several beams.
	Leader *attention.Sequence
}

// Batch holds the rows of one pass of several chunks, and the memory that passes need: it is reused from pass to pass
// and grows to the largest of them. The zero Batch is ready. One goroutine uses it at a time.
type Batch struct {
	info   *Info
	chunks []Chunk
	passes []*attention.Pass
	starts []int   // first row of each chunk, and the number of rows at the end
	ids    []int32 // of each row: its number in the concatenation of all chunks' tokens, ascending
	bases  []int32 // of each chunk: the id of its first token
	guard  [1]int32
	task   rowTask

	X        []float32 // rows × Dim, the residual stream
	Y        []float32 // rows × Dim, a normalized copy or a block's result
	Q, O     []float32 // rows × Heads·HeadDim
	K, V     []float32 // rows × KVHeads·HeadDim
	Gate, Up []float32 // at most Block rows × Hidden, in the memory of Q, O, K and V, which are done with by then
	inner    []float32 // that memory
	Table    []float32 // tokens × HeadDim, a family's own: rotation angles
	pooled   []float32 // chunks × Dim: the sum of the last states of the tokens that fell
	weights  []float32 // Dim, one token's in the head
	best     []int32   // tokens that sharpen looks at
	logits   []float32 // headRows × Vocab, where rows go through the language model's head together
}

// Block is the number of rows that go through a feed-forward at once: its memory does not grow with the pass.
const Block = 512

// Begin checks the chunks and opens a pass of each. Nothing has changed where it returns an error, unless attention
// itself refuses: then the sequences of the batch must be closed.
func (b *Batch) Begin(cpu *tensor.CPU, info *Info, chunks []Chunk) error {
	if len(chunks) == 0 {
		return errors.New("model: empty batch")
	}
	rows := 0
	for i := range chunks {
		if err := check(info, &chunks[i]); err != nil {
			return fmt.Errorf("model: sequence %d of the batch: %w", i, err)
		}
		for j := range i {
			if chunks[j].Seq == chunks[i].Seq {
				return fmt.Errorf("model: sequences %d and %d of the batch are the same", j, i)
			}
		}
		if l := chunks[i].Leader; l != nil {
			if !slices.ContainsFunc(chunks[:i], func(c Chunk) bool { return c.Seq == l && c.Seq.Length() == chunks[i].Seq.Length() }) {
				return fmt.Errorf("model: sequence %d of the batch follows one that is not before it in the batch or has another length", i)
			}
		}
		rows += len(chunks[i].Tokens)
	}
	b.info, b.chunks = info, chunks
	b.passes, b.starts, b.bases, b.ids = b.passes[:0], b.starts[:0], b.bases[:0], b.ids[:0]
	for i := range chunks {
		c := &chunks[i]
		pass, err := c.Seq.Begin(len(c.Tokens), attention.PassOptions{Protect: b.protect(c), Last: c.Last, CPU: cpu})
		if err != nil {
			return fmt.Errorf("model: sequence %d of the batch: %w", i, err)
		}
		b.passes = append(b.passes, pass)
		b.starts = append(b.starts, len(b.ids))
		b.bases = append(b.bases, int32(len(b.ids)))
		for range c.Tokens {
			b.ids = append(b.ids, int32(len(b.ids)))
		}
	}
	b.starts = append(b.starts, rows)
	b.grow(rows)
	return nil
}

func check(info *Info, c *Chunk) error {
	n := len(c.Tokens)
	switch {
	case c.Seq == nil:
		return errors.New("no sequence")
	case n == 0:
		return errors.New("no tokens")
	case c.Seq.Length()+n > info.MaxPositions:
		return fmt.Errorf("%w: %d tokens after %d, the model has %d positions", ErrContext, n, c.Seq.Length(), info.MaxPositions)
	case !info.Causal && c.Seq.Length() > 0:
		return errors.New("an encoder reads its whole text in one pass")
	case c.TypeIDs != nil && len(c.TypeIDs) != n:
		return fmt.Errorf("%d segment ids for %d tokens", len(c.TypeIDs), n)
	case !info.Causal && c.Want == AllLogits:
		return errors.New("an encoder has no logits for each token")
	case !info.Causal && c.Want == Logits && len(info.Labels) == 0:
		return errors.New("the model has no classification head")
	case len(c.Out) != info.Size(c.Want, n):
		return fmt.Errorf("room for %d results, the pass gives %d", len(c.Out), info.Size(c.Want, n))
	}
	for i, t := range c.Tokens {
		if t < 0 || int(t) >= info.Vocab {
			return fmt.Errorf("token %d is %d, the vocabulary has %d", i, t, info.Vocab)
		}
	}
	return nil
}

// protect returns the position whose last hidden state the model's head reads, which must not be pruned.
func (b *Batch) protect(c *Chunk) []int32 {
	switch {
	case b.info.Causal || b.info.Pooling == PoolLast:
		if c.Want == Nothing && !c.Last {
			return nil
		}
		b.guard[0] = int32(c.Seq.Length() + len(c.Tokens) - 1)
	case b.info.Pooling == PoolCLS || c.Want == Logits:
		b.guard[0] = 0
	default:
		return nil
	}
	return b.guard[:]
}

// grow makes room for a pass of rows.
func (b *Batch) grow(rows int) {
	i := b.info
	room(&b.X, rows*i.Dim)
	room(&b.Y, rows*i.Dim)
	q, kv, hidden := rows*i.Heads*i.HeadDim, rows*i.KVHeads*i.HeadDim, min(rows, Block)*i.Hidden
	room(&b.inner, max(2*q+2*kv, 2*hidden))
	b.Q, b.O, b.K, b.V = b.inner[:q], b.inner[q:2*q], b.inner[2*q:2*q+kv], b.inner[2*q+kv:2*q+2*kv]
	b.Gate, b.Up = b.inner[:hidden], b.inner[hidden:2*hidden]
	room(&b.Table, rows*i.HeadDim)
	room(&b.pooled, len(b.chunks)*i.Dim)
	clear(b.pooled)
}

// room sets the length of a buffer and enlarges it where it must.
func room(s *[]float32, n int) {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
}

// Rows returns the number of live rows of all sequences.
func (b *Batch) Rows() int { return b.starts[len(b.chunks)] }

// Token returns the token of a live row.
func (b *Batch) Token(row int) int32 {
	c, i := b.locate(row)
	return b.chunks[c].Tokens[i]
}

// TypeID returns the segment of a live row.
func (b *Batch) TypeID(row int) int32 {
	c, i := b.locate(row)
	if b.chunks[c].TypeIDs == nil {
		return 0
	}
	return b.chunks[c].TypeIDs[i]
}

// Position returns the position of a live row in its sequence.
func (b *Batch) Position(row int) int {
	c, i := b.locate(row)
	return b.passes[c].First() + i
}

// ID returns the number of a live row among all tokens of the pass, pruned ones included: the row of Table.
func (b *Batch) ID(row int) int { return int(b.ids[row]) }

// Pass returns the attention pass of a live row's sequence.
func (b *Batch) Pass(row int) *attention.Pass {
	c, _ := b.locate(row)
	return b.passes[c]
}

// locate returns the chunk of a row and the row's place in it.
func (b *Batch) locate(row int) (chunk, token int) {
	for b.starts[chunk+1] <= row {
		chunk++
	}
	return chunk, int(b.ids[row] - b.bases[chunk])
}

// End closes the passes.
func (b *Batch) End() {
	for _, p := range b.passes {
		p.End()
	}
	b.chunks = nil
}
