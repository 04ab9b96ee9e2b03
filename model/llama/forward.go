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
	b.Project(cpu, b.Y, batch.Linear{W: l.q, Bias: l.qb}, batch.Linear{W: l.k, Bias: l.kb}, batch.Linear{W: l.v, Bias: l.vb})
	m.rotate(b, b.Q, m.config.Heads, (*attention.Pass).Heads)
	m.rotate(b, b.K, m.config.KVHeads, (*attention.Pass).Groups)
	cpu.Announce(l.o, l.gate, l.up, l.down)
	b.Attend(cpu)
	b.Output(cpu, l.o, l.ob)
	b.AddResidual(cpu)
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
		cpu.MatMuls(y, n, nil, tensor.Output{Dst: b.Gate, W: l.gate, Bias: l.gateb}, tensor.Output{Dst: b.Up, W: l.up, Bias: l.upb})
		b.DownSwiGLU(cpu, y, n, batch.Linear{W: l.down, Bias: l.downb})
	}
	b.Report(record.FCGate, l.gate)
	b.Report(record.FCUp, l.up)
	b.Report(record.FCDown, l.down)
	b.AddResidual(cpu)
}
