package tokenizer

import "unicode/utf8"

// Byte-level vocabularies write a byte as one printable character: itself where Latin-1 prints it, else the
// next free one from U+0100 on (Radford et al. 2019, GPT-2's encoder).
var (
	byteRune = byteAlphabet()
	runeByte = func() map[rune]byte {
		m := make(map[rune]byte, len(byteRune))
		for b, r := range byteRune {
			m[r] = byte(b)
		}
		return m
	}()
)

func byteAlphabet() (table [256]rune) {
	next := rune(0x100)
	for b := range table {
		if '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b && b <= 0xFF {
			table[b] = rune(b)
			continue
		}
		table[b] = next
		next++
	}
	return table
}

// appendBytes appends the bytes that a byte-level piece stands for; a piece with any other character in it
// (an added token) stands for itself.
func appendBytes(dst []byte, piece string) []byte {
	n := len(dst)
	for _, r := range piece {
		b, ok := runeByte[r]
		if !ok || r == utf8.RuneError {
			return append(dst[:n], piece...)
		}
		dst = append(dst, b)
	}
	return dst
}

// byteLevelText writes s in the byte-level alphabet.
func byteLevelText(s string) string {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = utf8.AppendRune(b, byteRune[s[i]])
	}
	return string(b)
}
