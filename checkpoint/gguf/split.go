package gguf

import (
	"fmt"
	"regexp"
	"strconv"
)

// partName is how the parts of a model in several files are called (llama.cpp, llama_split_path).
var partName = regexp.MustCompile(`^(.*)-([0-9]{5})-of-([0-9]{5})\.gguf$`)

// Part is the name of one file of a model that is in several: base-00002-of-00005.gguf.
type Part struct {
	Base          string
	Number, Count int // from 1
}

// ParsePart reads the name of a part; ok is false for other names.
func ParsePart(name string) (p Part, ok bool) {
	m := partName.FindStringSubmatch(name)
	if m == nil {
		return Part{}, false
	}
	p.Base = m[1]
	p.Number, _ = strconv.Atoi(m[2])
	p.Count, _ = strconv.Atoi(m[3])
	return p, p.Number >= 1 && p.Number <= p.Count
}

// String returns the file's name.
func (p Part) String() string { return fmt.Sprintf("%s-%05d-of-%05d.gguf", p.Base, p.Number, p.Count) }

// Whole returns the names of .gguf files with the parts of one model counted once, by its first part.
func Whole(names []string) []string {
	var whole []string
	for _, name := range names {
		if p, ok := ParsePart(name); !ok || p.Number == 1 {
			whole = append(whole, name)
		}
	}
	return whole
}
