package gpt2

import (
	"spatten/attention/record"
	"spatten/model/batch"
	"spatten/tensor"
)

// Info describes the model.
func (m *Model) Info() *batch.Info { return &m.info }

// Forward runs the chunks through the model, each with its own sequence, and fills in what they want. b is the
// caller's working memory. A chunk's numbers do not depend on the others.
func (m *Model) Forward(cpu *tensor.CPU, b *batch.Batch, chunks []batch.Chunk) error {
	if err := b.Begin(cpu, &m.info, chunks); err != nil {
		return err
	}
	dim := m.config.Dim
	for r := range b.Rows() {
		m.embedding.Row(b.X[r*dim:(r+1)*dim], int(b.Token(r)))
		m.positions.Row(b.Y[r*dim:(r+1)*dim], b.Position(r))
	}
	b.AddResidual(cpu)
	for i := range m.layers {
		m.attend(cpu, b, &m.layers[i])
		b.Next(i == len(m.layers)-1)
		m.feedForward(cpu, b, &m.layers[i])
	}
	b.LayerNorm(cpu, b.Y, m.gain, m.bias, m.config.Epsilon)
	b.LMHead(cpu, b.Y, m.head)
	b.End()
	return nil
}

// attend adds to X the attention over its normalized rows.
func (m *Model) attend(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	b.LayerNorm(cpu, b.Y, l.attentionGain, l.attentionBias, m.config.Epsilon)
	b.Project(cpu, b.Y, batch.Linear{W: l.q, Bias: l.qb}, batch.Linear{W: l.k, Bias: l.kb}, batch.Linear{W: l.v, Bias: l.vb})
	cpu.Announce(l.o, l.up, l.down)
	b.Attend(cpu)
	b.Output(cpu, l.o, l.ob)
	b.AddResidual(cpu)
}

// feedForward adds to X what the feed-forward makes of its normalized rows.
func (m *Model) feedForward(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	b.LayerNorm(cpu, b.Y, l.mlpGain, l.mlpBias, m.config.Epsilon)
	dim := m.config.Dim
	for from := 0; from < b.Rows(); from += batch.Block {
		n := min(batch.Block, b.Rows()-from)
		y := b.Y[from*dim : (from+n)*dim]
		cpu.MatMul(b.Up, y, n, l.up, l.upb)
		b.DownGELU(cpu, y, n, batch.Linear{W: l.down, Bias: l.downb}, true)
	}
	b.Report(record.FCUp, l.up)
	b.Report(record.FCDown, l.down)
	b.AddResidual(cpu)
}
