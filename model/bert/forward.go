package bert

import (
	"fmt"

	"spatten/attention"
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
	m.embed(cpu, b)
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
	b.Classify(cpu, m.pooler.w, m.classifier.w, m.pooler.bias, m.classifier.bias)
	b.End()
	return nil
}

// embed leaves in X the normalized sum of word, position and segment.
func (m *Model) embed(cpu *tensor.CPU, b *batch.Batch) {
	dim := m.config.Dim
	for r := range b.Rows() {
		m.words.Row(b.X[r*dim:(r+1)*dim], int(b.Token(r)))
		m.types.Row(b.Y[r*dim:(r+1)*dim], int(b.TypeID(r)))
	}
	b.AddResidual()
	for r := range b.Rows() {
		m.positions.Row(b.Y[r*dim:(r+1)*dim], b.Position(r))
	}
	b.AddResidual()
	b.LayerNorm(cpu, b.X, m.norm.gain, m.norm.bias, m.config.Epsilon)
}

// attend adds attention to X and normalizes.
func (m *Model) attend(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	b.ProjectHeads(cpu, record.FCQuery, b.Q, b.X, l.q.w, l.q.bias, (*attention.Pass).Heads)
	b.ProjectHeads(cpu, record.FCKey, b.K, b.X, l.k.w, l.k.bias, (*attention.Pass).Groups)
	b.ProjectHeads(cpu, record.FCValue, b.V, b.X, l.v.w, l.v.bias, (*attention.Pass).Groups)
	b.Attend(cpu)
	b.Output(cpu, l.o.w, l.o.bias)
	b.AddResidual()
	b.LayerNorm(cpu, b.X, l.attentionNorm.gain, l.attentionNorm.bias, m.config.Epsilon)
}

// feedForward adds the feed-forward to X and normalizes.
func (m *Model) feedForward(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	dim := m.config.Dim
	for from := 0; from < b.Rows(); from += batch.Block {
		n := min(batch.Block, b.Rows()-from)
		cpu.MatMul(b.Up, b.X[from*dim:(from+n)*dim], n, l.up.w, l.up.bias)
		b.GELU(cpu, n, m.config.TanhGELU)
		cpu.MatMul(b.Y[from*dim:(from+n)*dim], b.Up, n, l.down.w, l.down.bias)
	}
	b.Report(record.FCUp, l.up.w)
	b.Report(record.FCDown, l.down.w)
	b.AddResidual()
	b.LayerNorm(cpu, b.X, l.mlpNorm.gain, l.mlpNorm.bias, m.config.Epsilon)
}
