package llama

import (
	"spatten/attention"
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
	c := &m.config
	for r := range b.Rows() {
		m.embedding.Row(b.X[r*c.Dim:(r+1)*c.Dim], int(b.Token(r)))
		angles(b.Table[r*c.HeadDim:(r+1)*c.HeadDim], m.frequencies, b.Position(r))
	}
	for i := range m.layers {
		m.attend(cpu, b, &m.layers[i])
		b.Next(i == len(m.layers)-1)
		m.feedForward(cpu, b, &m.layers[i])
	}
	b.RMSNorm(cpu, m.norm, c.Epsilon)
	b.LMHead(cpu, b.Y, m.head)
	b.End()
	return nil
}

// attend adds to X the attention over its normalized rows.
func (m *Model) attend(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	b.RMSNorm(cpu, l.attentionNorm, m.config.Epsilon)
	b.ProjectHeads(cpu, record.FCQuery, b.Q, b.Y, l.q, l.qb, (*attention.Pass).Heads)
	b.ProjectHeads(cpu, record.FCKey, b.K, b.Y, l.k, l.kb, (*attention.Pass).Groups)
	b.ProjectHeads(cpu, record.FCValue, b.V, b.Y, l.v, l.vb, (*attention.Pass).Groups)
	m.rotate(b, b.Q, m.config.Heads, (*attention.Pass).Heads)
	m.rotate(b, b.K, m.config.KVHeads, (*attention.Pass).Groups)
	b.Attend(cpu)
	b.Output(cpu, l.o, l.ob)
	b.AddResidual()
}

// rotate turns the live heads of every row of x, rows × heads·D, to the row's position.
func (m *Model) rotate(b *batch.Batch, x []float32, heads int, live func(*attention.Pass) []int32) {
	d := m.config.HeadDim
	for r := range b.Rows() {
		id := b.ID(r)
		turn := b.Table[id*d : (id+1)*d]
		for _, h := range live(b.Pass(r)) {
			at := (r*heads + int(h)) * d
			m.config.Rope.rotate(x[at:at+d], turn)
		}
	}
}

// feedForward adds to X what the gated feed-forward makes of its normalized rows.
func (m *Model) feedForward(cpu *tensor.CPU, b *batch.Batch, l *layer) {
	b.RMSNorm(cpu, l.mlpNorm, m.config.Epsilon)
	dim := m.config.Dim
	for from := 0; from < b.Rows(); from += batch.Block {
		n := min(batch.Block, b.Rows()-from)
		y := b.Y[from*dim : (from+n)*dim]
		cpu.MatMul(b.Gate, y, n, l.gate, l.gateb)
		cpu.MatMul(b.Up, y, n, l.up, l.upb)
		b.SwiGLU(cpu, n)
		cpu.MatMul(y, b.Gate, n, l.down, l.downb)
	}
	b.Report(record.FCGate, l.gate)
	b.Report(record.FCUp, l.up)
	b.Report(record.FCDown, l.down)
	b.AddResidual()
}
