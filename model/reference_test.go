package model_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"spatten/checkpoint"
	"spatten/internal/tiny"
)

// The dense reference of each family: plain loops in float64 over whole matrices, one text at a time, no cache, no
// pruning, straight from the published definitions. It is slow and stays that way; everything faster is held against
// it. It reads fp32 checkpoints with Hugging Face names. What is pruned is told, not decided: live lists the positions
// that are live in each layer; nil is all of them.

// matrix is a list of rows.
type matrix [][]float64

// array reads a tensor as rows; a vector is one row.
func array(t testing.TB, c *checkpoint.Checkpoint, name string) matrix {
	t.Helper()
	x, ok := c.Tensor(name)
	if !ok {
		t.Fatalf("no tensor %s", name)
	}
	columns := x.Shape[len(x.Shape)-1]
	var m matrix
	for at := 0; at < len(x.Data); at += 4 * columns {
		row := make([]float64, columns)
		for i := range row {
			row[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(x.Data[at+4*i:])))
		}
		m = append(m, row)
	}
	return m
}

func arrayIf(t testing.TB, c *checkpoint.Checkpoint, name string) matrix {
	if _, ok := c.Tensor(name); !ok {
		return nil
	}
	return array(t, c, name)
}

// linear is x·wᵀ + b; w has one row for each output.
func linear(x, w, b matrix) matrix {
	y := make(matrix, len(x))
	for r := range x {
		y[r] = make([]float64, len(w))
		for o := range w {
			for i := range x[r] {
				y[r][o] += x[r][i] * w[o][i]
			}
			if b != nil {
				y[r][o] += b[0][o]
			}
		}
	}
	return y
}

func transpose(m matrix) matrix {
	y := make(matrix, len(m[0]))
	for i := range y {
		y[i] = make([]float64, len(m))
		for j := range m {
			y[i][j] = m[j][i]
		}
	}
	return y
}

func add(a, b matrix) matrix {
	y := make(matrix, len(a))
	for r := range a {
		y[r] = make([]float64, len(a[r]))
		for i := range a[r] {
			y[r][i] = a[r][i] + b[r][i]
		}
	}
	return y
}

func each(x matrix, f func(float64) float64) matrix {
	y := make(matrix, len(x))
	for r := range x {
		y[r] = make([]float64, len(x[r]))
		for i := range x[r] {
			y[r][i] = f(x[r][i])
		}
	}
	return y
}

func columns(x matrix, from, to int) matrix {
	y := make(matrix, len(x))
	for r := range x {
		y[r] = x[r][from:to]
	}
	return y
}

func layerNorm(x, gain, bias matrix, eps float64) matrix {
	y := make(matrix, len(x))
	for r := range x {
		mean, variance := 0.0, 0.0
		for _, v := range x[r] {
			mean += v / float64(len(x[r]))
		}
		for _, v := range x[r] {
			variance += (v - mean) * (v - mean) / float64(len(x[r]))
		}
		y[r] = make([]float64, len(x[r]))
		for i, v := range x[r] {
			y[r][i] = (v-mean)/math.Sqrt(variance+eps)*gain[0][i] + bias[0][i]
		}
	}
	return y
}

func rmsNorm(x, gain matrix, eps float64) matrix {
	y := make(matrix, len(x))
	for r := range x {
		square := 0.0
		for _, v := range x[r] {
			square += v * v / float64(len(x[r]))
		}
		y[r] = make([]float64, len(x[r]))
		for i, v := range x[r] {
			y[r][i] = v / math.Sqrt(square+eps) * gain[0][i]
		}
	}
	return y
}

// rows are the last states of the tokens that are live in a layer, and their positions.
type rows struct {
	x         matrix
	positions []int32
}

func allRows(x matrix) rows {
	r := rows{x: x}
	for i := range x {
		r.positions = append(r.positions, int32(i))
	}
	return r
}

// enter leaves the rows that are live in a layer.
func (r rows) enter(live [][]int32, layer int) rows {
	if live == nil {
		return r
	}
	var out rows
	for i, p := range r.positions {
		if slices.Contains(live[layer], p) {
			out.x, out.positions = append(out.x, r.x[i]), append(out.positions, p)
		}
	}
	return out
}

// attentionOf is softmax(QKᵀ/√D)·V of each head, the heads side by side; query head h reads key/value head h·G/H.
func attentionOf(q, k, v matrix, positions []int32, heads, groups int, causal bool) matrix {
	d := len(q[0]) / heads
	out := make(matrix, len(q))
	for r := range q {
		out[r] = make([]float64, len(q[0]))
		for h := range heads {
			g := h * groups / heads
			p, sum := make([]float64, len(k)), 0.0
			for t := range k {
				if causal && positions[t] > positions[r] {
					continue
				}
				s := 0.0
				for i := range d {
					s += q[r][h*d+i] * k[t][g*d+i]
				}
				p[t] = math.Exp(s / math.Sqrt(float64(d)))
				sum += p[t]
			}
			for t := range k {
				for i := range d {
					out[r][h*d+i] += p[t] / sum * v[t][g*d+i]
				}
			}
		}
	}
	return out
}

func geluErf(v float64) float64 { return 0.5 * v * (1 + math.Erf(v/math.Sqrt2)) }
func geluTanh(v float64) float64 {
	return 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
}

// referenceGPT2 returns the logits of every token.
func referenceGPT2(t testing.TB, c *checkpoint.Checkpoint, prefix string, ids []int32, live [][]int32) matrix {
	get := func(name string) matrix { return array(t, c, prefix+name) }
	words, positions := get("wte.weight"), get("wpe.weight")
	var x matrix
	for i, id := range ids {
		x = append(x, add(matrix{words[id]}, matrix{positions[i]})[0])
	}
	r := allRows(x)
	for l := range tiny.Layers {
		r = r.enter(live, l)
		x = r.x
		at := func(name string) matrix { return get(fmt.Sprintf("h.%d.%s", l, name)) }
		dense := func(x matrix, name string) matrix { return linear(x, transpose(at(name+".weight")), at(name+".bias")) }
		qkv := dense(layerNorm(x, at("ln_1.weight"), at("ln_1.bias"), 1e-5), "attn.c_attn")
		d := tiny.Dim
		o := attentionOf(columns(qkv, 0, d), columns(qkv, d, 2*d), columns(qkv, 2*d, 3*d), r.positions, tiny.Heads, tiny.Heads, true)
		x = add(x, dense(o, "attn.c_proj"))
		h := each(dense(layerNorm(x, at("ln_2.weight"), at("ln_2.bias"), 1e-5), "mlp.c_fc"), geluTanh)
		r.x = add(x, dense(h, "mlp.c_proj"))
	}
	x = r.x
	return linear(layerNorm(x, get("ln_f.weight"), get("ln_f.bias"), 1e-5), words, nil)
}

// referenceLlama returns the logits of every token; frequencies are the angles a position of each pair of a head.
func referenceLlama(t testing.TB, c *checkpoint.Checkpoint, frequencies []float64, ids []int32, live [][]int32) matrix {
	words := array(t, c, "model.embed_tokens.weight")
	var x matrix
	for _, id := range ids {
		x = append(x, words[id])
	}
	r := allRows(x)
	for l := range tiny.Layers {
		r = r.enter(live, l)
		x = r.x
		dense := func(x matrix, name string) matrix {
			name = fmt.Sprintf("model.layers.%d.%s", l, name)
			return linear(x, array(t, c, name+".weight"), arrayIf(t, c, name+".bias"))
		}
		norm := func(name string) matrix {
			return rmsNorm(x, array(t, c, fmt.Sprintf("model.layers.%d.%s.weight", l, name)), 1e-5)
		}
		h := norm("input_layernorm")
		q, k := rotated(dense(h, "self_attn.q_proj"), r.positions, frequencies), rotated(dense(h, "self_attn.k_proj"), r.positions, frequencies)
		o := attentionOf(q, k, dense(h, "self_attn.v_proj"), r.positions, tiny.Heads, tiny.KVHeads, true)
		x = add(x, dense(o, "self_attn.o_proj"))
		h = norm("post_attention_layernorm")
		gate, up := each(dense(h, "mlp.gate_proj"), func(v float64) float64 { return v / (1 + math.Exp(-v)) }), dense(h, "mlp.up_proj")
		for j := range gate {
			for i := range gate[j] {
				gate[j][i] *= up[j][i]
			}
		}
		r.x = add(x, dense(gate, "mlp.down_proj"))
	}
	x = r.x
	head := arrayIf(t, c, "lm_head.weight")
	if head == nil {
		head = words
	}
	return linear(rmsNorm(x, array(t, c, "model.norm.weight"), 1e-5), head, nil)
}

// rotated turns the pairs (i, i+D/2) of every head by position times frequency.
func rotated(x matrix, positions []int32, frequencies []float64) matrix {
	d := 2 * len(frequencies)
	y := each(x, func(v float64) float64 { return v })
	for p := range y {
		for at := 0; at < len(y[p]); at += d {
			for i, f := range frequencies {
				sin, cos := math.Sincos(float64(positions[p]) * f)
				a, b := x[p][at+i], x[p][at+i+d/2]
				y[p][at+i], y[p][at+i+d/2] = a*cos-b*sin, b*cos+a*sin
			}
		}
	}
	return y
}

// referenceBERT returns the last state of every token, before it was pruned, and how many survived.
func referenceBERT(t testing.TB, c *checkpoint.Checkpoint, prefix string, ids, types []int32, live [][]int32) (states matrix, survivors []int32) {
	get := func(name string) matrix { return array(t, c, prefix+name) }
	var x matrix
	for i, id := range ids {
		segment := int32(0)
		if types != nil {
			segment = types[i]
		}
		row := add(matrix{get("embeddings.word_embeddings.weight")[id]}, matrix{get("embeddings.position_embeddings.weight")[i]})
		x = append(x, add(row, matrix{get("embeddings.token_type_embeddings.weight")[segment]})[0])
	}
	states = layerNorm(x, get("embeddings.LayerNorm.weight"), get("embeddings.LayerNorm.bias"), 1e-12)
	r := allRows(states)
	for l := range tiny.Layers {
		r = r.enter(live, l)
		x = r.x
		at := func(name string) matrix { return get(fmt.Sprintf("encoder.layer.%d.%s", l, name)) }
		dense := func(x matrix, name string) matrix { return linear(x, at(name+".weight"), at(name+".bias")) }
		o := attentionOf(dense(x, "attention.self.query"), dense(x, "attention.self.key"), dense(x, "attention.self.value"), r.positions, tiny.Heads, tiny.Heads, false)
		x = layerNorm(add(x, dense(o, "attention.output.dense")), at("attention.output.LayerNorm.weight"), at("attention.output.LayerNorm.bias"), 1e-12)
		h := dense(each(dense(x, "intermediate.dense"), geluErf), "output.dense")
		r.x = layerNorm(add(x, h), at("output.LayerNorm.weight"), at("output.LayerNorm.bias"), 1e-12)
		for i, p := range r.positions {
			states[p] = r.x[i]
		}
	}
	return states, r.positions
}

// referenceClasses are the class logits of a text.
func referenceClasses(t testing.TB, c *checkpoint.Checkpoint, prefix string, states matrix) []float64 {
	pooled := each(linear(states[:1], array(t, c, prefix+"pooler.dense.weight"), array(t, c, prefix+"pooler.dense.bias")), math.Tanh)
	return linear(pooled, array(t, c, "classifier.weight"), array(t, c, "classifier.bias"))[0]
}
