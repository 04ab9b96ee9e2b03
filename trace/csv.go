package trace

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"

	"spatten/attention/record"
)

// workloadColumns are the columns of the authors' published attention workloads (mit-han-lab/spatten), one row for each
// iteration, layer and live head of the generation stage.
var workloadColumns = []string{
	"iteration_id", "layer_id", "head_id", "embedding_length_D", "sentence_length_L", "key_fetch_num", "quant_key_bit",
	"quant_query_bit", "auto_requant_thres", "if_requant", "auto_requant_incre", "value_fetch_num", "quant_value_bit",
	"if_accumulate_importance", "if_rescale_previous_importance", "if_topk", "topk",
}

// workloadRow is one row of a workload: one query of one head.
type workloadRow struct {
	iteration, layer, head, dim, length int
	keys, keyBits, queryBits, lsbBits   int
	values, valueBits, topk             int
	threshold                           float32
	recomputed                          bool
}

// WorkloadRecords reads a published workload as the records of a run, so that it simulates like a trace. Widths of −1
// (unquantized) become 32 bits. Which positions were fetched is not in the file, only how many: keys are spread evenly
// over the sequence, and no value positions are listed.
func WorkloadRecords(r io.Reader, model string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		rows, err := readWorkload(r)
		if err != nil {
			yield(nil, err)
			return
		}
		emitWorkload(rows, model, func(rec Record) bool { return yield(rec, nil) })
	}
}

func readWorkload(r io.Reader) ([]workloadRow, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	in.FieldsPerRecord = -1
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("trace: read the workload's header: %w", err)
	}
	if !slices.Equal(header, workloadColumns) {
		return nil, fmt.Errorf("trace: not a workload: its columns are %q, expected %q", header, workloadColumns)
	}
	var rows []workloadRow
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("trace: read the workload: %w", err)
		}
		line, _ := in.FieldPos(0)
		if _, err := strconv.Atoi(fields[0]); err != nil && len(rows) > 0 {
			break // the last line names the configuration that was run
		}
		if len(fields) != len(workloadColumns) {
			return nil, fmt.Errorf("trace: workload line %d has %d fields, expected %d", line, len(fields), len(workloadColumns))
		}
		row, err := parseWorkloadRow(fields)
		if err != nil {
			return nil, fmt.Errorf("trace: workload line %d: %w", line, err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, errors.New("trace: the workload has no rows")
	}
	return rows, nil
}

func parseWorkloadRow(f []string) (workloadRow, error) {
	var row workloadRow
	var err error
	number := func(i, low, high int) int {
		v, e := strconv.ParseFloat(f[i], 64) // the authors print some whole numbers as 64.0
		if e == nil && (v != float64(int(v)) || int(v) < low || int(v) > high) {
			e = fmt.Errorf("out of range %d to %d", low, high)
		}
		if e != nil && err == nil {
			err = fmt.Errorf("%s %q: %w", workloadColumns[i], f[i], e)
		}
		return int(v)
	}
	bits := func(i int) int {
		if b := number(i, -1, 32); b > 0 {
			return b
		}
		return 32
	}
	row.iteration, row.layer, row.head = number(0, 0, maxPositions), number(1, 0, maxLayers-1), number(2, 0, maxHeads-1)
	row.dim, row.length = number(3, 1, maxPositions), number(4, 1, maxPositions)
	row.keys = number(5, 0, row.length)
	row.keyBits, row.queryBits, row.valueBits = bits(6), bits(7), bits(12)
	row.values = number(11, 0, row.keys)
	row.topk = number(16, -1, row.length)
	if t, e := strconv.ParseFloat(f[8], 32); e != nil {
		err = errors.Join(err, fmt.Errorf("%s %q: %w", workloadColumns[8], f[8], e))
	} else if t > 0 {
		row.threshold = float32(t)
		row.lsbBits = number(10, 0, 32)
	}
	if row.recomputed, _ = strconv.ParseBool(f[9]); row.recomputed && row.lsbBits == 0 {
		err = errors.Join(err, errors.New("if_requant without auto_requant_thres and auto_requant_incre"))
	}
	return row, err
}

// emitWorkload turns rows into records until yield declines.
func emitWorkload(rows []workloadRow, model string, yield func(Record) bool) {
	run := record.Run{Model: model, Architecture: "gpt2", HeadDim: rows[0].dim, Causal: true, Precision: "f32"}
	for _, r := range rows {
		run.Layers, run.Heads = max(run.Layers, r.layer+1), max(run.Heads, r.head+1)
	}
	run.KVHeads, run.ModelDim = run.Heads, run.Heads*run.HeadDim
	count := uint64(0)
	emit := func(rec Record) bool { count++; return yield(rec) }
	if !emit(&run) {
		return
	}
	pass := record.Pass{Index: -1}
	var layer record.Layer
	var head record.Head
	for start := 0; start < len(rows); {
		first := rows[start]
		end := start
		for end < len(rows) && rows[end].iteration == first.iteration && rows[end].layer == first.layer {
			end++
		}
		if first.iteration != pass.Index {
			pass = record.Pass{Stage: record.Generation, Index: first.iteration, First: first.length - 1, Tokens: 1}
			if !emit(&pass) {
				return
			}
		}
		layer = first.open(rows[start:end], layer)
		if !emit(&layer) {
			return
		}
		for _, r := range rows[start:end] {
			q := record.Query{Keys: int32(r.keys), Values: int32(r.values)}
			if r.recomputed {
				q.LSBs = q.Keys
			}
			head = record.Head{Head: r.head, Group: r.head, Queries: append(head.Queries[:0], q)}
			if !emit(&head) {
				return
			}
		}
		for _, r := range rows[start:end] {
			group := record.Group{Group: r.head, Keys: int32(r.keys), Values: int32(r.values)}
			if r.recomputed {
				group.LSBs = group.Keys
			}
			group.Bytes = KVBytes(&group, r.dim, layer.Bits)
			if !emit(&group) {
				return
			}
		}
		if last := rows[end-1]; last.topk > 0 && !emit(&record.Rank{Kind: record.RankTokens, Candidates: last.keys, Keep: min(last.topk, last.keys)}) {
			return
		}
		start = end
	}
	emit(&End{Records: count + 1})
}

// open makes the layer record of the rows of one layer, reusing the slices of the one before.
func (r workloadRow) open(rows []workloadRow, l record.Layer) record.Layer {
	out := record.Layer{
		Index: r.layer, Threshold: r.threshold, Queries: append(l.Queries[:0], int32(r.length-1)),
		Keys: l.Keys[:0], Heads: l.Heads[:0],
		Bits: record.Bits{Query: uint8(r.queryBits), KeyMSB: uint8(r.keyBits), KeyLSB: uint8(r.lsbBits), Value: uint8(r.valueBits)},
	}
	for i := range r.keys {
		out.Keys = append(out.Keys, int32(i*r.length/r.keys))
	}
	for _, row := range rows {
		out.Heads = append(out.Heads, int32(row.head))
	}
	return out
}
