package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is the class of a character that the expressions of byte-level tokenizers tell apart.
type kind uint8

const (
	other kind = iota
	letter
	number
	blank
	end // behind the text
)

var asciiKind = func() (k [utf8.RuneSelf]kind) {
	for r := range rune(utf8.RuneSelf) {
		k[r] = slowKind(r)
	}
	return k
}()

func slowKind(r rune) kind {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return blank
	}
	return other
}

// kindAt returns the kind of the character at i and its length in bytes.
func kindAt(s string, i int) (kind, int) {
	if i >= len(s) {
		return end, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiKind[c], 1
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	return slowKind(r), size
}

// skip returns where the run of characters of kind k that begins at i ends.
func skip(s string, i int, k kind) int {
	for {
		at, size := kindAt(s, i)
		if at != k {
			return i
		}
		i += size
	}
}

// scanGPT2 is gpt2Expression.
func scanGPT2(s string, i int) int {
	if n := contraction(s[i:], false); n > 0 {
		return i + n
	}
	at := i
	if s[i] == ' ' {
		at++
	}
	if k, size := kindAt(s, at); k != blank && k != end {
		return skip(s, at+size, k)
	}
	return blanks(s, i)
}

// blanks is \s+(?!\S)|\s+ at a blank.
func blanks(s string, i int) int {
	j := skip(s, i, blank)
	if j < len(s) {
		if _, size := utf8.DecodeLastRuneInString(s[i:j]); size < j-i {
			return j - size
		}
	}
	return j
}

// contraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd at the beginning of s, or 0.
func contraction(s string, fold bool) int {
	if s == "" || s[0] != '\'' {
		return 0
	}
	for _, tail := range [...]string{"s", "t", "re", "ve", "m", "ll", "d"} {
		if rest := s[1:]; strings.HasPrefix(rest, tail) ||
			fold && len(rest) >= len(tail) && strings.EqualFold(rest[:len(tail)], tail) {
			return 1 + len(tail)
		}
	}
	if fold && strings.HasPrefix(s[1:], "ſ") {
		return 1 + len("ſ")
	}
	return 0
}

func scanLlama3(s string, i int) int { return scanCL100K(s, i, 3) }
func scanQwen2(s string, i int) int  { return scanCL100K(s, i, 1) }

// scanCL100K is llama3Expression and qwen2Expression, which differ in how many digits go together.
func scanCL100K(s string, i, digits int) int {
	if n := contraction(s[i:], true); n > 0 {
		return i + n
	}
	k, size := kindAt(s, i)
	if k == letter {
		return skip(s, i+size, letter)
	}
	if k != number && s[i] != '\r' && s[i] != '\n' {
		if next, _ := kindAt(s, i+size); next == letter {
			return skip(s, i+size, letter)
		}
	}
	if k == number {
		for n := 0; n < digits && k == number; n++ {
			i += size
			k, size = kindAt(s, i)
		}
		return i
	}
	at := i
	if s[i] == ' ' {
		at++
	}
	if k, size := kindAt(s, at); k == other {
		at = skip(s, at+size, other)
		for at < len(s) && (s[at] == '\r' || s[at] == '\n') {
			at++
		}
		return at
	}
	run := s[i:skip(s, i, blank)]
	if last := strings.LastIndexAny(run, "\r\n"); last >= 0 {
		return i + last + 1
	}
	return blanks(s, i)
}
