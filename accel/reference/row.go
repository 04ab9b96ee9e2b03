package reference

import "fmt"

// Row is one request: one query of one head. Fetch counts are as the workload has them, not yet rounded.
type Row struct {
	Index       int // index of the data row in its file
	Iteration   int
	Layer, Head int
	Length      int // L: keys there are
	Keys        int // key_fetch_num
	Values      int // value_fetch_num
	KeyBits     int // as the workload has them: -1, 4, 6, 8, 10, 12
	ValueBits   int
	Requant     bool // the workload's if_requant
	Recomputed  bool // whether the row was recomputed, which depends on data
	TopKLatency int  // the testbench's drawn delay, in cycles; unused where Values >= Keys
}

// Bits is what the design fetches for the workload's number of bits: its profiles are 4, 6 and 8.
func Bits(bits int) (int, error) {
	switch bits {
	case 4, 6, 8:
		return bits, nil
	case -1, 10, 12:
		return 8, nil
	}
	return 0, fmt.Errorf("%d bits: the design has 4, 6 and 8 (-1, 10 and 12 are fetched as 8)", bits)
}

// Armed is whether the testbench lets the row be recomputed: always for keys of -1, 10 or 12 bits.
func (r *Row) Armed() bool {
	return r.Requant || r.KeyBits == -1 || r.KeyBits == 10 || r.KeyBits == 12
}

// fused is how many heads share a record of so many bits.
func fused(bits int) int {
	if bits == 6 {
		return maxFused
	}
	return 1
}

// transactions is the 32-byte bursts of one record.
func transactions(bits int) int { return bits * fused(bits) * (sizeD / 8) / transaction }

// job is a row on its way through the machine.
type job struct {
	Row
	id               int // running number: bases of addresses follow from it
	keys, values     int // rounded
	keyBits, valBits int
	keyPart, valPart int
	lastPart         bool // last of its key batch
	lastValPart      bool
	recompute        bool

	keyLines, valLines int
	words              int // words of scores up to the top-k: as many as buffer lines
	inWords            int // words of scores that count
	outWords           int // words that leave the top-k

	region, valRegion     int64 // allocator handles
	keyStart, valStart    int   // first buffer line of the batch
	keyBatch, valBatch    int32
	requantsBefore        int // recomputed rows that must leave before this one
	wordsLeft             int // words that have not left the top-k
	stamps                Stamps
	keyReads, requantRead int
	valReads              int
}

// newJob fills a job for a row; pair tells which part of a pair of 6-bit keys it is.
func (g *geometry) fill(j *job, r Row, id, rounding, keyPart int) error {
	keyBits, err := Bits(r.KeyBits)
	if err != nil {
		return fmt.Errorf("row %d: keys of %w", r.Index, err)
	}
	valBits, err := Bits(r.ValueBits)
	if err != nil {
		return fmt.Errorf("row %d: values of %w", r.Index, err)
	}
	if r.Keys < 1 || r.Values < 1 {
		return fmt.Errorf("row %d: fetches %d keys and %d values; each must be at least 1", r.Index, r.Keys, r.Values)
	}
	round := func(n int) int { return (n + rounding - 1) / rounding * rounding }
	*j = job{Row: r, id: id, keys: round(r.Keys), values: round(r.Values), keyBits: keyBits, valBits: valBits,
		keyPart: keyPart, lastPart: fused(keyBits) == 1 || keyPart == fused(keyBits)-1, recompute: r.Recomputed}
	j.keyLines, j.valLines = g.bufferLines(j.keys), g.bufferLines(j.values)
	j.words, j.inWords = j.keyLines, g.words(j.keys)
	j.outWords = min(g.words(j.values), j.inWords)
	if j.keyLines*fused(keyBits) > g.lines || j.valLines*fused(valBits) > g.lines {
		return fmt.Errorf("row %d: %d keys and %d values do not fit into buffers of %d lines of %d vectors",
			r.Index, j.keys, j.values, g.lines, g.lanes)
	}
	j.wordsLeft = j.words
	j.stamps.reset()
	if keyPart == 0 {
		j.keyReads = j.keys * transactions(keyBits)
	}
	if j.recompute {
		j.requantRead = j.keys * transactions(requantBits)
	}
	return nil
}

// check refuses rows for which the reference waits for ever.
func (g *geometry) check(j *job) error {
	switch {
	case j.outWords != j.valLines:
		return fmt.Errorf("row %d: the reference waits for ever: %d values make %d words of %d scores but %d buffer lines "+
			"(lines are rounded up to even, scores are not); use a fetch_rounding of %d", j.Index, j.values, j.outWords,
			g.lanes, j.valLines, 2*g.lanes*2)
	case j.keyBits == 6 && g.words(j.keys) != j.keyLines || j.valBits == 6 && g.words(j.values) != j.valLines:
		return fmt.Errorf("row %d: the reference waits for ever: a fused 6-bit matrix of %d keys and %d values fills an odd "+
			"number of buffer lines; use a fetch_rounding of %d", j.Index, j.keys, j.values, 2*g.lanes*2)
	}
	for _, f := range []struct {
		what    string
		n, bits int
	}{{"keys", j.keys, j.keyBits}, {"values", j.values, j.valBits}, {"requantised keys", j.keys, requantBits}} {
		if f.what == "requantised keys" && !j.recompute {
			continue
		}
		if g.losesLast(f.n, f.bits) {
			return fmt.Errorf("row %d: the reference waits for ever: %d %s of %d bits end on a full row of %d fetch ports "+
				"and a row of padding follows, which loses the mark of the last; use a fetch_rounding of %d",
				j.Index, f.n, f.what, f.bits, g.ports, g.ports)
		}
	}
	return nil
}

// losesLast is the reference's second defect: the last request of a matrix has some records of t transactions;
// when these end on a full row of the ports and rows of padding follow, no unit carries the mark of the last
// (unless the last pop reaches into the padding).
func (g *geometry) losesLast(n, bits int) bool {
	t := transactions(bits)
	rest := (n-1)%g.ports + 1
	pop := bits * g.lanes * sizeD * maxFused / (8 * transaction)
	return rest*t%g.ports == 0 && rest != g.ports && n*t%pop == 0
}
