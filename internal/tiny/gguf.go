package tiny

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing/fstest"
)

// Tensor is a named fp32 array, outermost dimension first.
type Tensor struct {
	Name   string
	Shape  []int
	Values []float32
}

// Pair is one entry of a GGUF file's metadata: a string, uint32, float32 or []string.
type Pair struct {
	Key   string
	Value any
}

// GGUF returns a folder with one file, model.gguf (version 3, fp32), and whatever lies beside it.
func GGUF(metadata []Pair, tensors []Tensor, beside map[string]string) fstest.MapFS {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(b, uint64(len(tensors)))
	b = le.AppendUint64(b, uint64(len(metadata)))
	for _, p := range metadata {
		b = text(b, p.Key)
		switch v := p.Value.(type) { // the numbers are the specification's gguf_metadata_value_type
		case uint32:
			b = le.AppendUint32(le.AppendUint32(b, 4), v)
		case float32:
			b = le.AppendUint32(le.AppendUint32(b, 6), math.Float32bits(v))
		case string:
			b = text(le.AppendUint32(b, 8), v)
		case []string:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 8), uint64(len(v)))
			for _, s := range v {
				b = text(b, s)
			}
		default:
			panic(fmt.Sprintf("tiny: metadata of type %T", v))
		}
	}
	const alignment = 32
	pad := func(n int) int { return (n + alignment - 1) / alignment * alignment }
	at := 0
	for _, t := range tensors {
		b = text(b, t.Name)
		b = le.AppendUint32(b, uint32(len(t.Shape)))
		for i := len(t.Shape) - 1; i >= 0; i-- {
			b = le.AppendUint64(b, uint64(t.Shape[i]))
		}
		b = le.AppendUint64(le.AppendUint32(b, 0), uint64(at))
		at = pad(at + 4*len(t.Values))
	}
	for _, t := range tensors {
		b = append(b, make([]byte, pad(len(b))-len(b))...)
		for _, v := range t.Values {
			b = le.AppendUint32(b, math.Float32bits(v))
		}
	}
	files := fstest.MapFS{"model.gguf": {Data: b}}
	for name, data := range beside {
		files[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return files
}
