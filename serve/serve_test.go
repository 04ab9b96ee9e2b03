package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"spatten/internal/tiny"
	"spatten/tensor"
)

// chatTemplate is a plain chat template.
const chatTemplate = `{% for m in messages %}{{ m.role }}: {{ m.content }}
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`

// start serves two random models: "writer", which chats, and "reader", which embeds.
func start(t testing.TB, change func(*Config)) (*Server, *httptest.Server) {
	t.Helper()
	c := Defaults
	c.Limits.CacheBytes = 64 << 20
	if change != nil {
		change(&c)
	}
	s := New(c)
	cpu := tensor.NewCPU(2, tensor.F32)
	config, arrays := tiny.Llama(nil)
	writer := tiny.WithTokenizer(tiny.Files(config, arrays, 3))
	settings, _ := json.Marshal(map[string]string{"chat_template": chatTemplate, "eos_token": "<|end|>"})
	writer["tokenizer_config.json"] = &fstest.MapFile{Data: settings}
	config, arrays = tiny.BERT("", false)
	reader := tiny.WithTokenizer(tiny.Files(config, arrays, 4))
	for id, files := range map[string]fstest.MapFS{"writer": writer, "reader": reader} {
		if err := s.Add(id, tiny.Open(t, id, files), cpu); err != nil {
			t.Fatal(err)
		}
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		cpu.Close()
	})
	return s, h
}

// post sends a body and returns the status and the answer.
func post(t testing.TB, url, body string) (int, string) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	data, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(data)
}

// TestOfficialClient drives the server with the official Go client, unchanged.
func TestOfficialClient(t *testing.T) {
	_, h := start(t, nil)
	client := openai.NewClient(option.WithBaseURL(h.URL+"/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0))
	ctx := t.Context()

	models, err := client.Models.List(ctx)
	if err != nil || len(models.Data) != 2 {
		t.Fatalf("models: %v, %v", models, err)
	}
	chat := openai.ChatCompletionNewParams{
		Model: "writer", Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be brief."), openai.UserMessage("Hello")},
		MaxTokens: openai.Int(12), Seed: openai.Int(7), Temperature: openai.Float(0.8), N: openai.Int(2),
		Logprobs: openai.Bool(true), TopLogprobs: openai.Int(3),
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}
	whole, err := client.Chat.Completions.New(ctx, chat)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Choices) != 2 || whole.Usage.CompletionTokens == 0 || whole.Choices[0].FinishReason == "" || whole.Choices[0].Message.Role != "assistant" {
		t.Errorf("chat: %+v", whole)
	}
	if lp := whole.Choices[0].Logprobs.Content; len(lp) == 0 || len(lp[0].TopLogprobs) != 3 || lp[0].TopLogprobs[0].Logprob < lp[0].TopLogprobs[1].Logprob {
		t.Errorf("logprobs: %+v", lp)
	}
	stream := client.Chat.Completions.NewStreaming(ctx, chat)
	var acc openai.ChatCompletionAccumulator
	usage := int64(0)
	for stream.Next() {
		acc.AddChunk(stream.Current())
		usage += stream.Current().Usage.CompletionTokens
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	for i := range whole.Choices {
		if got, want := acc.Choices[i].Message.Content, whole.Choices[i].Message.Content; got != want {
			t.Errorf("choice %d streams %q, is %q in one piece", i, got, want)
		}
	}
	if usage != whole.Usage.CompletionTokens {
		t.Errorf("the stream counts %d tokens, the whole answer %d", usage, whole.Usage.CompletionTokens)
	}

	text, err := client.Completions.New(ctx, openai.CompletionNewParams{
		Model: "writer", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once")}, MaxTokens: openai.Int(5), Temperature: openai.Float(0),
	})
	if err != nil || len(text.Choices) != 1 {
		t.Fatalf("completion: %+v, %v", text, err)
	}
	vectors, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: "reader", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b c"}},
	})
	if err != nil || len(vectors.Data) != 2 || len(vectors.Data[0].Embedding) != tiny.Dim {
		t.Fatalf("embeddings: %+v, %v", vectors, err)
	}
	_, err = client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{Model: "reader", Messages: chat.Messages})
	var refused *openai.Error
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusBadRequest || !strings.Contains(refused.Message, "no chat template") {
		t.Errorf("a chat with an encoder gives %v", err)
	}
}

// TestPruningExtension asks for pruning in the extra object and finds it in the usage.
func TestPruningExtension(t *testing.T) {
	_, h := start(t, nil)
	prompt := strings.Repeat("some words to forget. ", 12)
	ask := func(spatten string) map[string]any {
		status, body := post(t, h.URL+"/v1/completions", `{"model":"writer","prompt":"`+prompt+`","max_tokens":8,"temperature":0,"spatten":`+spatten+`}`)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", spatten, status, body)
		}
		var a struct {
			Usage struct{ Spatten map[string]any }
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		return a.Usage.Spatten
	}
	dense := ask(`{"dense":true}`)
	for _, spatten := range []string{
		`{"schedule":"paper-default"}`, `{"schedule":{"average":{"tokens":0.4},"value":{"bits":8}}}`, `{"keep":0.4}`,
		`{"budget":{"tokens":90}}`, `{"budget":{"ratio":1.0},"schedule":{"key":{"msb":4},"value":{"bits":4}}}`,
	} {
		pruned := ask(spatten)
		if pruned["kv_bytes"].(float64) >= dense["kv_bytes"].(float64) || pruned["tokens_kept"].(float64) > 1 {
			t.Errorf("%s: %v, dense %v", spatten, pruned, dense)
		}
	}
	for _, bad := range []string{
		`{"schedule":"/etc/passwd"}`, `{"schedule":"../secret"}`, `{"schedule":{"tokens":[1,2]}}`, `{"schedule":{"nonsense":1}}`, `{"keep":0}`, `{"keep":1e999}`,
		`{"budget":{}}`, `{"budget":{"bytes":1}}`, `{"dense":true,"keep":0.5}`, `{"schedule":{"tokens":[1,0.5]}}`, `[]`, `7`,
	} {
		if status, body := post(t, h.URL+"/v1/completions", `{"model":"writer","prompt":"x","spatten":`+bad+`}`); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
}

// TestTogetherAsAlone: a request's stream is the same, byte for byte, whatever is served beside it.
func TestTogetherAsAlone(t *testing.T) {
	_, h := start(t, nil)
	body := func(i int) string {
		pruning := []string{`{"dense":true}`, `{"keep":0.5}`, `{"schedule":{"chunk":16,"average":{"tokens":0.5,"values":0.5},"key":{"msb":4,"lsb":4,"threshold":0.5}}}`}[i%3]
		return `{"model":"writer","stream":true,"seed":5,"max_tokens":20,"prompt":"` + strings.Repeat("abc def ", 3+i) + `","spatten":` + pruning + `}`
	}
	// texts takes from a stream what does not name the request.
	texts := func(sse string) string {
		var all strings.Builder
		for _, line := range strings.Split(sse, "\n") {
			var c struct {
				Choices []struct {
					Text         string
					FinishReason *string `json:"finish_reason"`
				}
			}
			if data, ok := strings.CutPrefix(line, "data: {"); ok && json.Unmarshal([]byte("{"+data), &c) == nil {
				part, _ := json.Marshal(c.Choices)
				all.Write(part)
			}
		}
		return all.String()
	}
	const n = 9
	alone := make([]string, n)
	for i := range n {
		_, answer := post(t, h.URL+"/v1/completions", body(i))
		if alone[i] = texts(answer); !strings.Contains(alone[i], "text") && !strings.Contains(alone[i], "Text") {
			t.Fatalf("request %d: %s", i, answer)
		}
	}
	together := make(chan [2]any, n)
	for i := range n {
		go func() {
			_, answer := post(t, h.URL+"/v1/completions", body(i))
			together <- [2]any{i, texts(answer)}
		}()
	}
	for range n {
		if r := <-together; r[1] != alone[r[0].(int)] {
			t.Errorf("request %d differs when served with others:\n%s\nalone\n%s", r[0], r[1], alone[r[0].(int)])
		}
	}
}

// TestGuard: hosts, origins and keys.
func TestGuard(t *testing.T) {
	_, h := start(t, func(c *Config) { c.Keys = []string{"secret"} })
	try := func(host, origin, key string) int {
		r, _ := http.NewRequest(http.MethodGet, h.URL+"/v1/models", nil)
		if host != "" {
			r.Host = host
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		return a.StatusCode
	}
	for _, c := range []struct {
		host, origin, key string
		want              int
	}{
		{"", "", "secret", 200}, {"localhost:1", "", "secret", 200}, {"[::1]:80", "", "secret", 200},
		{"evil.example", "", "secret", 403}, {"", "https://evil.example", "secret", 403}, {"", "null", "secret", 403},
		{"", "http://localhost:3000", "secret", 200}, {"", "", "", 401}, {"", "", "secre", 401}, {"", "", "secret2", 401},
	} {
		if got := try(c.host, c.origin, c.key); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestRefusals: a request that cannot fit, a full queue, a server that shuts down.
func TestRefusals(t *testing.T) {
	s, h := start(t, func(c *Config) { c.Limits.CacheBytes = 150 << 10; c.Limits.Queue = 1; c.Limits.Active = 1 })
	status, body := post(t, h.URL+"/v1/completions", `{"model":"writer","prompt":"x","max_tokens":500}`)
	if status != http.StatusBadRequest || !strings.Contains(body, "cache_budget_exceeded") {
		t.Errorf("a request beyond the budget: %d %s", status, body)
	}
	codes := make(chan int, 12)
	for range cap(codes) {
		go func() {
			status, _ := post(t, h.URL+"/v1/completions", `{"model":"writer","prompt":"x","max_tokens":100}`)
			codes <- status
		}()
	}
	seen := map[int]int{}
	for range cap(codes) {
		seen[<-codes]++
	}
	if seen[200] == 0 || seen[429] == 0 || seen[200]+seen[429] != cap(codes) {
		t.Errorf("twelve requests at once with one place and one waiting: %v", seen)
	}
	s.Close(t.Context())
	if status, body := post(t, h.URL+"/v1/completions", `{"model":"writer","prompt":"x"}`); status != http.StatusServiceUnavailable {
		t.Errorf("after closing: %d %s", status, body)
	}
	if r, _ := http.Get(h.URL + "/readyz"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz after closing: %d", r.StatusCode)
	}
}

// TestAccelerated: with a machine configured the usage carries simulated cycles and energy.
func TestAccelerated(t *testing.T) {
	_, h := start(t, func(c *Config) { c.Machine = "spatten" })
	for _, stream := range []string{"false", "true"} {
		status, body := post(t, h.URL+"/v1/completions", `{"model":"writer","prompt":"abc","max_tokens":4,"n":2,"stream":`+stream+`,"stream_options":{"include_usage":true}}`)
		if status != http.StatusOK || !strings.Contains(body, `"cycles":`) || !strings.Contains(body, `"energy_j":`) {
			t.Errorf("stream %s: %d %s", stream, status, body)
		}
	}
}
