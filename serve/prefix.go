package serve

import (
	"slices"

	"spatten/attention"
	"spatten/generate"
)

// prefixes remembers the attention state after prompts, so that a prompt which begins like an earlier one is not read
// from its start again. A state is reused only for the same schedule, the same grid of chunks and the same tokens: only
// then are its numbers those that reading from the start would give (DESIGN, invariant 9).
type prefixes struct {
	memory  *Memory
	most    int64 // bytes
	used    int64
	entries []prefix // the least recently used first
}

type prefix struct {
	key    string
	tokens []int32
	seq    *attention.Sequence
	bytes  int64
}

// shortest is the number of tokens below which reading again is as good.
const shortest = 32

func newPrefixes(memory *Memory, most int64) *prefixes { return &prefixes{memory: memory, most: most} }

// grid returns the distance of the boundaries at which a state can be taken over, and false where there are none: a
// pruned prompt that is read as a whole depends on all of its tokens.
func grid(o *generate.Options) (int, bool) {
	switch s := o.Schedule; {
	case s.ChunksFreely():
		return 1, true
	case s.Chunk > 0:
		return s.Chunk, true
	default:
		return 0, false
	}
}

// key names what must agree beside the tokens.
func key(o *generate.Options) string {
	k := string(rune('0' + o.CacheBits))
	if o.Schedule != nil && !o.Schedule.Dense() {
		k += o.Schedule.Hash()
	}
	return k
}

// find returns an independent continuation of the longest known prefix of a prompt, or nil.
func (p *prefixes) find(prompt []int32, o *generate.Options) *attention.Sequence {
	if _, ok := grid(o); !ok || o.Recorder != nil {
		return nil
	}
	best := -1
	for i, e := range p.entries {
		// At least one token is left to be read: its logits are what the text goes on from.
		if e.key == key(o) && len(e.tokens) < len(prompt) && slices.Equal(e.tokens, prompt[:len(e.tokens)]) &&
			(best < 0 || len(e.tokens) > len(p.entries[best].tokens)) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	e := p.entries[best]
	p.entries = append(slices.Delete(p.entries, best, best+1), e)
	return e.seq.Fork()
}

// offer remembers the state of a stream that has just read up to a boundary, where it is the prompt's last.
func (p *prefixes) offer(prompt []int32, o *generate.Options, s *generate.Stream) {
	step, ok := grid(o)
	read := s.Sequence().Length()
	if !ok || o.Recorder != nil || read < shortest || read > len(prompt) || read%step != 0 || read+step < len(prompt) && step > 1 {
		return
	}
	for _, e := range p.entries {
		if e.key == key(o) && slices.Equal(e.tokens, prompt[:read]) {
			return
		}
	}
	bytes := s.Sequence().Bytes()
	for p.used+bytes > p.most && p.evict() {
	}
	if p.used+bytes > p.most || !p.memory.reserve(bytes) {
		return
	}
	p.used += bytes
	p.entries = append(p.entries, prefix{key(o), slices.Clone(prompt[:read]), s.Sequence().Fork(), bytes})
}

// evict forgets the prefix that was used least recently.
func (p *prefixes) evict() bool {
	if len(p.entries) == 0 {
		return false
	}
	e := p.entries[0]
	p.entries = slices.Delete(p.entries, 0, 1)
	e.seq.Close()
	p.used -= e.bytes
	p.memory.release(e.bytes)
	return true
}
