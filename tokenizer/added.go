package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// added is a token that is found in the text as a whole, before the text is cut.
type added struct {
	id             int32
	text           string // as it stands in the text, normalized if it is looked for after normalization
	special        bool
	leading        bool // takes the white space before it (lstrip)
	trailing       bool // takes the white space after it (rstrip)
	word           bool // only where no word character touches it (single_word)
	afterNormalize bool
}

// Limits on added tokens.
const (
	maxAdded = 1024    // bytes of one
	maxNodes = 1 << 18 // bytes of all, beginnings in common counted once
)

// part is a stretch of text: an added token, or text still to be cut (id −1).
type part struct {
	id   int32
	i, j int
}

// finder finds added tokens in a text.
type finder interface {
	// parts divides s from the left; special tokens are text unless asked for.
	parts(s string, special bool) []part
}

// trie finds the leftmost token, of those that begin there the longest (Hugging Face).
type trie struct {
	tokens []added
	first  [256]bool
	nodes  []map[byte]int32
	leaf   []int32 // of a node: index into tokens, or -1
}

func newTrie(tokens []added) (*trie, error) {
	t := &trie{tokens: tokens, nodes: []map[byte]int32{{}}, leaf: []int32{-1}}
	for k, tok := range tokens {
		if len(tok.text) > maxAdded {
			return nil, fmt.Errorf("added token %d is %d bytes long (at most %d)", tok.id, len(tok.text), maxAdded)
		}
		if tok.text == "" {
			continue
		}
		t.first[tok.text[0]] = true
		at := int32(0)
		for i := range len(tok.text) {
			next, ok := t.nodes[at][tok.text[i]]
			if !ok {
				next = int32(len(t.nodes))
				if next == maxNodes {
					return nil, fmt.Errorf("added tokens of more than %d bytes", maxNodes)
				}
				t.nodes = append(t.nodes, map[byte]int32{})
				t.leaf = append(t.leaf, -1)
				t.nodes[at][tok.text[i]] = next
			}
			at = next
		}
		if t.leaf[at] < 0 {
			t.leaf[at] = int32(k)
		}
	}
	return t, nil
}

// longest returns the longest token that s[i:] begins with.
func (t *trie) longest(s string, i int) *added {
	var best *added
	at := int32(0)
	for ; i < len(s); i++ {
		next, ok := t.nodes[at][s[i]]
		if !ok {
			break
		}
		at = next
		if t.leaf[at] >= 0 {
			best = &t.tokens[t.leaf[at]]
		}
	}
	return best
}

// occurring returns which tokens stand anywhere in s, by their index.
func (t *trie) occurring(s string) []bool {
	found := make([]bool, len(t.tokens))
	for i := range len(s) {
		at := int32(0)
		for k := i; k < len(s) && (k > i || t.first[s[i]]); k++ {
			next, ok := t.nodes[at][s[k]]
			if !ok {
				break
			}
			if at = next; t.leaf[at] >= 0 {
				found[t.leaf[at]] = true
			}
		}
	}
	return found
}

func (t *trie) parts(s string, special bool) []part {
	var parts []part
	done := 0
	for i := 0; i < len(s); {
		if !t.first[s[i]] {
			i++
			continue
		}
		tok := t.longest(s, i)
		if tok == nil {
			i++
			continue
		}
		start, stop := i, i+len(tok.text)
		i = stop
		if tok.special && !special || tok.word && touched(s, start, stop) {
			continue
		}
		if tok.leading {
			start = max(len(strings.TrimRightFunc(s[:start], unicode.IsSpace)), done)
		}
		if tok.trailing {
			stop = len(s) - len(strings.TrimLeftFunc(s[stop:], unicode.IsSpace))
		}
		start = max(start, done)
		if start >= stop {
			continue
		}
		if done < start {
			parts = append(parts, part{-1, done, start})
		}
		parts = append(parts, part{tok.id, start, stop})
		done = stop
	}
	if done < len(s) {
		parts = append(parts, part{-1, done, len(s)})
	}
	return parts
}

// touched says whether a word character stands right before start or right after stop.
func touched(s string, start, stop int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:start])
	after, _ := utf8.DecodeRuneInString(s[stop:])
	return start > 0 && isWord(before) || stop < len(s) && isWord(after)
}

// longestFirst takes the tokens one after the other, the longest first, and finds each in what the ones before
// have left (llama.cpp). User-defined tokens are found always, special ones only if asked for.
type longestFirst struct{ *trie }

func newLongestFirst(tokens []added) (longestFirst, error) {
	slices.SortStableFunc(tokens, func(a, b added) int { return len(b.text) - len(a.text) })
	t, err := newTrie(tokens)
	return longestFirst{t}, err
}

func (f longestFirst) parts(s string, special bool) []part {
	if s == "" {
		return nil
	}
	parts := []part{{-1, 0, len(s)}}
	for k, occurs := range f.occurring(s) {
		tok := &f.tokens[k]
		if !occurs || tok.special && !special {
			continue
		}
		var next []part
		for _, p := range parts {
			for p.id < 0 {
				k := strings.Index(s[p.i:p.j], tok.text)
				if k < 0 {
					break
				}
				if k > 0 {
					next = append(next, part{-1, p.i, p.i + k})
				}
				next = append(next, part{tok.id, p.i + k, p.i + k + len(tok.text)})
				p.i += k + len(tok.text)
			}
			if p.i < p.j {
				next = append(next, p)
			}
		}
		parts = next
	}
	return parts
}
