package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spatten/tensor"

	"spatten/internal/tiny"
)

// TestLoad serves 64 clients, slow readers and vanishing ones among them, for SPATTEN_LOAD (a duration; 5 s without it), and prints
// what came of it: no failed request but those that the queue refused, memory and goroutines back to where they began.
func TestLoad(t *testing.T) {
	duration := 5 * time.Second
	if d, err := time.ParseDuration(os.Getenv("SPATTEN_LOAD")); err == nil {
		duration = d
	}
	s, h := start(t, func(c *Config) { c.Limits.Queue = 40 })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	var done, refused, vanished, failed, tokens atomic.Int64
	var wait sync.WaitGroup
	end := time.Now().Add(duration)
	for c := range 64 {
		wait.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				ctx, cancel := context.WithCancel(context.Background())
				body := fmt.Sprintf(`{"model":"writer","stream":true,"max_tokens":%d,"prompt":%q,"spatten":{"keep":%g}}`, 8+c%24, strings.Repeat("word ", 1+(c+i)%40), []float64{1, 0.5}[c%2])
				r, _ := http.NewRequestWithContext(ctx, http.MethodPost, h.URL+"/v1/completions", strings.NewReader(body))
				a, err := client.Do(r)
				switch {
				case err != nil:
					failed.Add(1)
				case a.StatusCode == http.StatusTooManyRequests:
					refused.Add(1)
					io.Copy(io.Discard, a.Body)
					time.Sleep(5 * time.Millisecond)
				case a.StatusCode != http.StatusOK:
					failed.Add(1)
				default:
					lines := bufio.NewScanner(a.Body)
					complete := false
					for n := 0; lines.Scan(); n++ {
						if c%8 == 3 && n == 4 {
							cancel() // vanishes in the middle
							break
						}
						if c%8 == 5 {
							time.Sleep(2 * time.Millisecond) // reads slowly
						}
						if strings.HasPrefix(lines.Text(), "data: {") {
							tokens.Add(1)
						}
						complete = complete || lines.Text() == "data: [DONE]"
					}
					switch {
					case c%8 == 3:
						vanished.Add(1)
					case complete:
						done.Add(1)
					default:
						failed.Add(1)
					}
				}
				if a != nil {
					a.Body.Close()
				}
				cancel()
			}
		})
	}
	wait.Wait()
	client.CloseIdleConnections()
	settled := func() bool { return runtime.NumGoroutine() <= goroutines+4 }
	for wait := time.Now().Add(10 * time.Second); !settled() && time.Now().Before(wait); {
		time.Sleep(50 * time.Millisecond)
	}
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	t.Logf("64 clients, %v: %d answered, %d refused by the queue, %d vanished, %d failed; %d events, %.0f a second; heap %.1f MB before, %.1f after; goroutines %d, %d; cache reserved %d",
		duration, done.Load(), refused.Load(), vanished.Load(), failed.Load(), tokens.Load(), float64(tokens.Load())/duration.Seconds(),
		float64(before.HeapAlloc)/1e6, float64(after.HeapAlloc)/1e6, goroutines, runtime.NumGoroutine(), s.memory.Used())
	if failed.Load() > 0 || done.Load() == 0 {
		t.Errorf("%d requests failed, %d were answered", failed.Load(), done.Load())
	}
	if !settled() {
		t.Errorf("%d goroutines at the start, %d at the end", goroutines, runtime.NumGoroutine())
	}
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	if limit := s.config.Limits.CacheBytes/4 + 16<<20; kept > limit { // what is remembered of prompts may stay
		t.Errorf("the heap grew by %d bytes", kept)
	}
}

// TestShutdown ends a server in the middle of its work: what it had accepted is finished.
func TestShutdown(t *testing.T) {
	c := Defaults
	c.Addr = "127.0.0.1:0"
	s := New(c)
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	config, arrays := tiny.Llama(nil)
	if err := s.Add("writer", tiny.Open(t, "writer", tiny.WithTokenizer(tiny.Files(config, arrays, 3))), cpu); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	address := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	go func() { ended <- s.Listen(ctx, 30*time.Second, func(a net.Addr) { address <- a }) }()
	url := "http://" + (<-address).String()
	const n = 8
	answers := make(chan string, n)
	started := make(chan bool, n)
	for range n {
		go func() {
			a, err := http.Post(url+"/v1/completions", "application/json", strings.NewReader(`{"model":"writer","stream":true,"prompt":"x","max_tokens":200,"temperature":0.5}`))
			if err != nil {
				started <- false
				answers <- err.Error()
				return
			}
			defer a.Body.Close()
			started <- true
			all, err := io.ReadAll(a.Body)
			answers <- fmt.Sprint(string(all), err)
		}()
	}
	for range n {
		<-started
	}
	stop()
	for range n {
		if a := <-answers; !strings.Contains(a, "data: [DONE]") {
			t.Errorf("an accepted request ends with %.300q", a)
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ends with %v", err)
	}
	if _, err := http.Get(url + "/healthz"); err == nil {
		t.Error("the server still answers")
	}
}
