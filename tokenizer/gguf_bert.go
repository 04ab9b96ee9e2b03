package tokenizer

import (
	"fmt"
	"strings"
)

// ggufWordPiece reads a BERT vocabulary. GGUF marks pieces that begin a word (▁film), where BERT marks those that
// do not (##s); names in brackets stand as they are. The text is normalized as for uncased BERT: the format does not
// say otherwise, and llama.cpp does the same.
func (t *Tokenizer) ggufWordPiece(m Metadata) error {
	v := t.vocab
	clear(v.ids)
	v.longest = 0
	for id, piece := range v.pieces {
		switch rest, begins := strings.CutPrefix(piece, "▁"); {
		case strings.HasPrefix(piece, "[") && strings.HasSuffix(piece, "]"):
		case begins:
			piece = rest
		default:
			piece = "##" + piece
		}
		v.pieces[id] = piece
		v.ids[piece] = int32(id)
		v.longest = max(v.longest, len(piece))
	}
	id := func(key, usual string) (int32, error) {
		key = "tokenizer.ggml." + key
		if id, ok := m.Uint(key); ok {
			if id >= uint64(t.Vocab()) {
				return 0, fmt.Errorf("gguf: %s: %d is not in the vocabulary of %d", key, id, t.Vocab())
			}
			return int32(id), nil
		}
		if id, ok := v.ids[usual]; ok {
			return id, nil
		}
		return 0, fmt.Errorf("gguf: %s is missing and tokenizer.ggml.tokens has no %s", key, usual)
	}
	unknown, err := id("unknown_token_id", "[UNK]")
	if err != nil {
		return err
	}
	first, err := id("cls_token_id", "[CLS]")
	if err != nil {
		return err
	}
	last, err := id("seperator_token_id", "[SEP]") // the format's spelling
	if err != nil {
		return err
	}
	t.roles[cls], t.roles[sep], t.roles[unk] = first, last, unknown
	t.encoder = true
	t.model = &wordPiece{vocab: v, prefix: "##", unknown: unknown, maxRunes: 100}
	t.normalize = bertNormalizer(true, true, true, true)
	t.splitters = bertSplitter
	t.decode = []decodeStep{wordPieceStep("##", true)}
	t.template = bertTemplate([]int32{first}, []int32{last})
	return nil
}
