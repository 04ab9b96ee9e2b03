package bert

import (
	"fmt"

	"spatten/attention/record"
	"spatten/model/batch"
	"spatten/tensor"
)

// Info describes the model.
func (m *Model) Info() *batch.Info { return &m.info }

// Forward runs the chunks, each a whole text in a fresh sequence, through the model and fills in what they want. b is
// the caller's working memory. A chunk's numbers do not depend on the others.
func (m *Model) Forward(cpu *tensor.CPU, b *batch.Batch, chunks []batch.Chunk) error {
	for i := range chunks {
		for _, t := range chunks[i].TypeIDs {
			if t < 0 || int(t) >= m.config.Types {
				return fmt.Errorf("model: sequence %d of the batch: segment %d, the model has %d", i, t, m.config.Types)
			}
		}
	}
	if err := b.Begin(cpu, &m.info, chunks); err != nil {
		return err
	}
	cpu.Do((b.Rows()+embeddedRows-1)/embeddedRows, embedding{m, b})
	for i := range m.layers {
		l, last := &m.layers[i], i == len(m.layers)-1
		m.attend(cpu, b, l)
		if !b.Late() {
			b.Next(last)
		}
		m.feedForward(cpu, b, l)
		if b.Late() {
			b.Next(last)
		}
	}
	b.Classify(cpu, m.pooler.W, m.classifier.W, m.pooler.Bias, m.classifier.Bias)
	b.End()
	return nil
}

// embedding is the task that leaves in X the normalized sum of word, position and segment, some rows an item.
type embedding struct {
	m *Model
	b *batch.Batch
}

// embeddedRows is the number of rows of an item.
const embeddedRows = 8

// Run implements tensor.Task.
func (e embedding) Run(_, i int) {
	m, b, dim := e.m, e.b, e.m.config.Dim
	for r := i * embeddedRows; r < min((i+1)*embeddedRows, b.Rows()); r++ {
		x, y := b.X[r*dim:(r+1)*dim], b.Y[r*dim:(r+1)*dim]
		m.words.Row(x, int(b.Token(r)))
		m.types.Row(y, int(b.TypeID(r)))
		tensor.Add(x, y)
		m.positions.Row(y, b.Position(r))
		tensor.Add(x, y)
		tensor.LayerNorm(x, x, m.norm.gain, m.norm.bias, m.config.Epsilon)
	}
}

// attend adds attention to X and normalizes.
func (m *Model) attend(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	b.Project(cpu, b.X, l.q, l.k, l.v)
	b.Attend(cpu)
	b.Output(cpu, l.o.W, l.o.Bias)
	b.AddLayerNorm(cpu, l.attentionNorm.gain, l.attentionNorm.bias, m.config.Epsilon)
}

// feedForward adds the feed-forward to X and normalizes.
func (m *Model) feedForward(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	dim := m.config.Dim
	for from := 0; from < b.Rows(); from += batch.Block {
		n := min(batch.Block, b.Rows()-from)
		cpu.MatMul(b.Up, b.X[from*dim:(from+n)*dim], n, l.up.W, l.up.Bias)
		b.DownGELU(cpu, b.Y[from*dim:(from+n)*dim], n, l.down, m.config.TanhGELU)
	}
	b.Report(record.FCUp, l.up.W)
	b.Report(record.FCDown, l.down.W)
	b.AddLayerNorm(cpu, l.mlpNorm.gain, l.mlpNorm.bias, m.config.Epsilon)
}
