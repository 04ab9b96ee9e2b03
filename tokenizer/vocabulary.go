package tokenizer

import "fmt"

// vocabulary is the list of pieces. Ids may have gaps.
type vocabulary struct {
	ids     map[string]int32
	pieces  []string
	special map[int32]bool
	longest int // bytes of the longest piece
}

// Limits on what a file may claim.
const (
	maxPiece  = 1 << 16 // bytes of one piece
	maxTokens = 1 << 22 // entries of a vocabulary
)

// newVocabulary checks ids: none negative, repeated, or far beyond the number of entries.
func newVocabulary(ids map[string]int32) (*vocabulary, error) {
	v := &vocabulary{ids: ids, special: map[int32]bool{}}
	top := int32(-1)
	for piece, id := range ids {
		switch {
		case id < 0:
			return nil, fmt.Errorf("token %.64q: negative id %d", piece, id)
		case int(id) > 2*len(ids)+1<<16 || id >= maxTokens:
			return nil, fmt.Errorf("token %.64q: id %d is out of range for %d entries", piece, id, len(ids))
		case len(piece) > maxPiece:
			return nil, fmt.Errorf("token %d: %d bytes long (at most %d)", id, len(piece), maxPiece)
		}
		top = max(top, id)
		v.longest = max(v.longest, len(piece))
	}
	v.pieces = make([]string, top+1)
	taken := make([]bool, top+1)
	for piece, id := range ids {
		if taken[id] {
			return nil, fmt.Errorf("id %d stands for two tokens, %.64q and %.64q", id, min(piece, v.pieces[id]), max(piece, v.pieces[id]))
		}
		taken[id] = true
		v.pieces[id] = piece
	}
	return v, nil
}

// add puts a piece into the vocabulary. An id that is taken by another piece gets the new name, as in the
// reference implementation, where added tokens go before the model's.
func (v *vocabulary) add(piece string, id int32) error {
	if id < 0 || int(id) > 2*len(v.ids)+1<<16 || id >= maxTokens {
		return fmt.Errorf("added token %.64q: id %d is out of range", piece, id)
	}
	for int(id) >= len(v.pieces) {
		v.pieces = append(v.pieces, "")
	}
	v.pieces[id] = piece
	v.ids[piece] = id
	return nil
}
