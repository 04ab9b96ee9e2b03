package report

import (
	"strings"
	"testing"
)

func TestSentence(t *testing.T) {
	text := "a visual\ttreat"
	words := []Word{{"[CLS]", 0, 0}, {"a", 0, 1}, {"visual", 2, 8}, {"treat", 9, 14}, {"[SEP]", 14, 14}}
	layers := []Layer{
		{[]int32{0, 1, 2, 3, 4}, []int32{0, 1}},
		{[]int32{0, 1, 2, 3, 4}, []int32{0, 1}},
		{[]int32{0, 3}, []int32{1}},
	}
	var plain, colored strings.Builder
	if err := Sentence(&plain, text, words, layers, 2, false); err != nil {
		t.Fatal(err)
	}
	want := "layers 0-1       5 of 5 tokens,  2 of 2 heads  [CLS]a visual treat[SEP]\n" +
		"layer 2          2 of 5 tokens,  1 of 2 heads  [CLS]· ······ treat·····\n"
	if plain.String() != want {
		t.Errorf("got\n%swant\n%s", plain.String(), want)
	}
	Sentence(&colored, text, words, layers, 2, true)
	if !strings.Contains(colored.String(), "\x1b[2;9mvisual\x1b[0m treat") {
		t.Errorf("colored: %q", colored.String())
	}
}

func TestSentenceHidesControlCharacters(t *testing.T) {
	var out strings.Builder
	text := "x\x1b[31mred\u009b"
	Sentence(&out, text, []Word{{"x", 0, len(text)}}, []Layer{{[]int32{0}, nil}}, 1, false)
	if strings.ContainsAny(strings.TrimSuffix(out.String(), "\n"), "\x1b\n\u009b") {
		t.Errorf("a text's escape codes reach the terminal: %q", out.String())
	}
}
