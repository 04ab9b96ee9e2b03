package hbm

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"spatten/internal/shared"
)

type logged struct {
	cycle   int64
	addr    uint64
	channel int
	pop     bool
}

func readLog(t *testing.T, path string) []logged {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var log []logged
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		parts := strings.Split(lines.Text(), ",")
		cycle, err1 := strconv.ParseInt(parts[0], 10, 64)
		channel, err2 := strconv.Atoi(parts[2])
		addr, err3 := strconv.ParseUint(parts[3], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatalf("%s: %q", path, lines.Text())
		}
		log = append(log, logged{cycle, addr, channel, parts[1] == "pop"})
	}
	return log
}

// Driven with the pushes that the RTL's DRAM saw, answers come in the log's order and are there when the log
// pops them. The log alone does not say when the RTL's response register was blocked (the crossbar takes one
// answer a cycle for each port, and at the start the buffers are being initialised), so an answer may be
// ready before it is popped; how many are popped in the very cycle is printed. That every pop falls into its
// cycle with the crossbar in place is tested with the machine, in accel/reference.
func TestAgainstLoggedRuns(t *testing.T) {
	for _, name := range []string{"small", "back-to-back-8-8-128-128-1", "gpt2-small-pruned-first8"} {
		t.Run(name, func(t *testing.T) {
			log := readLog(t, shared.Path(t, "reference", "dram", name+".csv.gz"))
			same, there, total := 0, 0, 0
			for ch := range 2 {
				var pushes, pops []logged
				for _, l := range log {
					if l.channel == ch && l.pop {
						pops = append(pops, l)
					} else if l.channel == ch {
						pushes = append(pushes, l)
					}
				}
				c, k := channel(t, HBM2Reference(), Options{Outstanding: 17})
				at := 0
				for now, p := int64(0), 0; p < len(pops); now++ {
					if now > pops[len(pops)-1].cycle+1000 {
						t.Fatalf("channel %d: answer %d of %d never comes", ch, p, len(pops))
					}
					for at < len(pushes) && pushes[at].cycle == now {
						if !c.Push(now, pushes[at].addr, uint32(at), false) {
							t.Fatalf("channel %d refuses the push of cycle %d", ch, now)
						}
						at++
					}
					ready := c.NextAnswer()
					if now >= pops[p].cycle {
						if tag, ok := c.Pop(now); ok {
							total++
							if now == pops[p].cycle && pushes[tag].addr == pops[p].addr {
								there++
								if ready == now || p > 0 && pops[p-1].cycle == now-1 {
									same++
								}
							}
							p++
						}
					}
					c.Step(now)
				}
				if k.Commands == 0 {
					t.Error("the checker saw no command")
				}
			}
			t.Logf("%d answers, %d there in the cycle of the log's pop, %d of them popped as soon as ready", total, there, same)
			if total != len(log)/2 || there != total {
				t.Errorf("%d of %d answers are there when the log pops them", there, len(log)/2)
			}
			if float64(same) < 0.975*float64(total) {
				t.Errorf("%d of %d answers pop as soon as they are ready: the model is too fast", same, total)
			}
		})
	}
}

// The single streams of streams.txt that are described completely end within 1 % of the measured cycle.
func TestAgainstStreams(t *testing.T) {
	lines := map[string]string{}
	data, err := os.ReadFile(shared.Path(t, "reference", "dram", "streams.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if at := strings.Index(line, "n="); at > 0 {
			lines[strings.TrimSpace(line[:at])] = strings.ReplaceAll(line[at:], "= ", "=")
		}
	}
	run := func(n int, gap int64, addr func(i int) uint64) (last int64) {
		c, _ := channel(t, HBM2Reference(), Options{Outstanding: 16})
		pushed, popped := 0, 0
		for now := int64(0); popped < n; now++ {
			if pushed < n && now >= int64(pushed)*gap && c.Push(now, addr(pushed), 0, false) {
				pushed++
			}
			if _, ok := c.Pop(now); ok {
				popped, last = popped+1, now
			}
			c.Step(now)
		}
		return last
	}
	stride := func(bytes int) func(int) uint64 { return func(i int) uint64 { return uint64(i * bytes) } }
	for _, s := range []struct {
		name string
		n    int
		gap  int64
		addr func(int) uint64
	}{
		{"single cold read (bank closed)", 1, 0, stride(32)},
		{"2 reads, same row, pipelined", 2, 0, stride(32)},
		{"2 reads same row, 100 apart (row hit 2nd)", 2, 101, stride(32)},
		{"2 reads same bank other row, 100 apart (conflict)", 2, 101, stride(1 << 14)},
		{"2 reads same bank other row, back to back", 2, 0, stride(1 << 14)},
		{"sequential 32 B stream", 4000, 0, stride(32)},
		{"same 512 B (one pseudochannel,row hits)", 4000, 0, func(i int) uint64 { return uint64(i*32) % 512 }},
		{"alternating pseudochannels, row hits", 4000, 0, func(i int) uint64 { return uint64(i%2*512 + i/2*32%512) }},
		{"stride 512 B", 4000, 0, stride(512)},
		{"stride 1024 B (one pseudochannel)", 4000, 0, stride(1024)},
		{"stride 16 KiB (one bank, conflicts)", 4000, 0, stride(1 << 14)},
	} {
		measured, ok := lines[s.name]
		if !ok {
			t.Errorf("streams.txt has no %q", s.name)
			continue
		}
		var want int64
		for field := range strings.FieldsSeq(measured) {
			if v, ok := strings.CutPrefix(field, "last_resp="); ok {
				fmt.Sscan(v, &want)
			}
		}
		if want == 0 {
			measured = measured[strings.Index(measured, "last_resp=")+len("last_resp="):]
			fmt.Sscan(measured, &want)
		}
		got := run(s.n, s.gap, s.addr)
		t.Logf("%-52s %6d, measured %6d", s.name, got, want)
		if d := got - want; d < 0 && -d*100 > want || d*100 > want {
			t.Errorf("%s: last answer at %d, measured %d", s.name, got, want)
		}
	}
}
