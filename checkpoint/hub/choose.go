package hub

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	"spatten/checkpoint/gguf"
)

// beside are the files that a model needs beside its weights.
var beside = []string{
	"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
	"added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
	"modules.json", "sentence_bert_config.json", "*_Pooling/config.json", "LICENSE*", "NOTICE*",
}

// Weights in safetensors: one file, or an index and its shards.
const (
	single = "model.safetensors"
	index  = "model.safetensors.index.json"
	shard  = "model-*-of-*.safetensors"
)

// choose returns which of a model's files are needed to run it, sorted: the small ones first, so that an unsuitable
// model shows itself before its weights are fetched.
func choose(n Name, all []string) ([]string, error) {
	for _, name := range all {
		if !safeName(name) {
			return nil, fmt.Errorf("%s lists the file name %q, which could leave its folder; nothing was fetched", n.Repository(), name)
		}
	}
	if n.File != "" {
		file, err := pickFile(n.File, all)
		if err != nil {
			return nil, fmt.Errorf("%s holds %w", n.Repository(), err)
		}
		return n.parts(file, all)
	}
	weights := matching(all, single)
	if len(weights) == 0 && slices.Contains(all, index) {
		weights = append(matching(all, shard), index)
	}
	if len(weights) > 0 {
		chosen := matching(all, beside...)
		slices.Sort(weights)
		return append(chosen, weights...), nil
	}
	switch found := gguf.Whole(matching(all, "*.gguf")); len(found) {
	case 0:
		return nil, fmt.Errorf("%s holds no weights in safetensors or GGUF, only: %s", n.Repository(), list(all))
	case 1:
		return n.parts(found[0], all)
	default:
		return nil, fmt.Errorf("%s holds several GGUF files: %s; name one, as in %s:%s", n.Repository(), list(found), n.Repository(), found[0])
	}
}

// parts returns the names of all files of a model, given the first; all must be there.
func (n Name) parts(first string, all []string) ([]string, error) {
	p, ok := gguf.ParsePart(first)
	if !ok || p.Number != 1 {
		return []string{first}, nil
	}
	var parts []string
	for ; p.Number <= p.Count; p.Number++ {
		if !slices.Contains(all, p.String()) {
			return nil, fmt.Errorf("%s holds %s but not %s", n.Repository(), first, p)
		}
		parts = append(parts, p.String())
	}
	return parts, nil
}

// pickFile returns the file that is called part, or else the only .gguf file whose name contains it, in whatever case; of
// a model in several files, the first.
func pickFile(part string, all []string) (string, error) {
	if slices.Contains(all, part) {
		return part, nil
	}
	var found []string
	for _, name := range gguf.Whole(all) {
		if strings.HasSuffix(name, ".gguf") && strings.Contains(strings.ToLower(name), strings.ToLower(part)) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no file %q and no .gguf file with this in its name, only: %s", part, list(all))
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("several .gguf files with %q in their name: %s", part, list(found))
	}
}

// matching returns the names that fit one of the patterns, sorted.
func matching(all []string, patterns ...string) []string {
	var found []string
	for _, name := range all {
		for _, p := range patterns {
			if ok, _ := path.Match(p, name); ok {
				found = append(found, name)
				break
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// safeName reports whether a name stays inside the folder that it is put into, on every system, and can be printed.
func safeName(name string) bool {
	strange := func(r rune) bool { return r == '\\' || r == ':' || !unicode.IsPrint(r) }
	return fs.ValidPath(name) && name != "." && len(name) <= 512 && !strings.ContainsFunc(name, strange)
}

// list is a list of names for a message, cut where it grows long.
func list(names []string) string {
	const most = 20
	if len(names) == 0 {
		return "nothing"
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
