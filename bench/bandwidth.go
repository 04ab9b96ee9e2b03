package bench

import "time"

// Bandwidth measures how many gigabytes (1e9) one thread reads from memory a second: a sum over an array larger than
// any cache, the best of a few passes.
func Bandwidth() float64 {
	const words = 32 << 20 // 256 MB
	data := make([]uint64, words)
	for i := range data {
		data[i] = uint64(i)
	}
	best := 0.0
	var sink uint64
	for range 4 {
		begin := time.Now()
		var a, b, c, d uint64
		for i := 0; i+8 <= words; i += 8 {
			row := data[i : i+8 : i+8]
			a += row[0] + row[4]
			b += row[1] + row[5]
			c += row[2] + row[6]
			d += row[3] + row[7]
		}
		sink += a + b + c + d
		best = max(best, words*8/time.Since(begin).Seconds()/1e9)
	}
	if sink == 42 {
		return 0 // keeps the sums from being left out
	}
	return best
}
