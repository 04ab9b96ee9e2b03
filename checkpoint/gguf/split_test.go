package gguf

import (
	"fmt"
	"testing"
)

func TestParsePart(t *testing.T) {
	for name, want := range map[string]Part{
		"m-00001-of-00003.gguf": {"m", 1, 3}, "sub/m-00003-of-00003.gguf": {"sub/m", 3, 3}, "a-00001-of-00001-00002-of-00002.gguf": {"a-00001-of-00001", 2, 2},
	} {
		if got, ok := ParsePart(name); !ok || got != want || got.String() != name {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"m.gguf", "m-1-of-3.gguf", "m-00000-of-00003.gguf", "m-00004-of-00003.gguf", "m-00001-of-00003.safetensors"} {
		if got, ok := ParsePart(name); ok {
			t.Errorf("%s is read as %v", name, got)
		}
	}
}

func TestWhole(t *testing.T) {
	got := Whole([]string{"a.gguf", "b-00001-of-00002.gguf", "b-00002-of-00002.gguf", "c-00001-of-00001.gguf"})
	if want := "[a.gguf b-00001-of-00002.gguf c-00001-of-00001.gguf]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
