package serve

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"spatten/serve/openai"
)

// fields of the two kinds of completion and of embeddings, with a value that is accepted.
var fields = map[string]map[string]string{
	"/v1/chat/completions": {
		"model": `"writer"`, "messages": `[{"role":"user","content":"hi"}]`, "max_tokens": `2`, "max_completion_tokens": `2`, "temperature": `1`,
		"top_p": `0.9`, "top_k": `5`, "min_p": `0.1`, "n": `1`, "stop": `["x"]`, "seed": `1`, "stream": `false`, "stream_options": `{"include_usage":true}`,
		"logprobs": `true`, "top_logprobs": `2`, "spatten": `{"keep":0.5}`,
	},
	"/v1/completions": {
		"model": `"writer"`, "prompt": `"hi"`, "max_tokens": `2`, "temperature": `1`, "n": `1`, "stop": `"x"`, "logprobs": `1`, "echo": `false`,
		"spatten": `{"budget":{"tokens":4}}`,
	},
	"/v1/embeddings": {"model": `"reader"`, "input": `"hi"`, "encoding_format": `"float"`, "spatten": `{"dense":true}`},
	"/api/look":      {"model": `"reader"`, "text": `"hi"`, "max_tokens": `1`, "spatten": `{"dense":true}`},
	"/api/simulate":  {"model": `"reader"`, "text": `"hi"`, "machine": `"spatten"`, "spatten": `{"keep":0.5}`},
}

// poison are values of wrong type, huge, negative, no numbers, and deeply nested.
var poison = []string{
	`null`, `true`, `-1`, `0`, `1e999`, `-1e999`, `NaN`, `Infinity`, `9223372036854775808`, `-9223372036854775809`, `1.5`, `""`, `"` + strings.Repeat("a", 5000) + `"`,
	`"\u0000"`, `"\ud800"`, `[]`, `{}`, `[[]]`, `[null]`, `{"a":1}`, `[{"role":"root","content":"x"}]`, `[{"role":"user","content":[{"type":"image_url"}]}]`,
	strings.Repeat("[", 3000) + strings.Repeat("]", 3000), strings.Repeat(`{"a":`, 3000) + `1` + strings.Repeat("}", 3000), `{"schedule":{"tokens":[1,1e-300]}}`,
	`{"schedule":{"protect":{"first":-1}}}`, `{"schedule":{"chunk":-5}}`, `{"schedule":{"key":{"msb":99}}}`, `{"budget":{"bytes":-1}}`, `{"budget":{"tokens":9223372036854775807}}`,
}

// send posts a body and fails the test where the answer is neither a success nor the client's fault.
func send(t *testing.T, base, path, body string) {
	t.Helper()
	r, err := http.Post(base+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s %.200s: %v", path, body, err)
	}
	r.Body.Close()
	if r.StatusCode >= 500 || r.StatusCode < 200 || r.StatusCode >= 300 && r.StatusCode < 400 {
		t.Errorf("%s %.200s: %d", path, body, r.StatusCode)
	}
}

// object joins fields to a JSON object, one of them replaced.
func object(of map[string]string, name, value string) string {
	parts := []string{}
	for k, v := range of {
		if k == name {
			v = value
		}
		parts = append(parts, fmt.Sprintf("%q:%s", k, v))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestEveryFieldPoisoned puts every poison into every field.
func TestEveryFieldPoisoned(t *testing.T) {
	_, h := start(t, nil)
	for path, of := range fields {
		for name := range of {
			for _, p := range poison {
				send(t, h.URL, path, object(of, name, p))
			}
		}
	}
}

// TestFuzzedRequests sends 10,000 requests whose bytes were changed at random.
func TestFuzzedRequests(t *testing.T) {
	_, h := start(t, nil)
	r := rand.New(rand.NewPCG(1, 10))
	paths := []string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/api/look", "/api/simulate", "/api/trace"}
	for range 10_000 {
		path := paths[r.IntN(len(paths))]
		of := fields[path]
		if of == nil {
			of = fields["/api/look"]
		}
		body := []byte(object(of, "", ""))
		for range 1 + r.IntN(4) {
			switch at := r.IntN(len(body)); r.IntN(4) {
			case 0:
				body[at] = byte(r.IntN(256))
			case 1:
				body = append(body[:at], body[at+1:]...)
			case 2:
				body = append(body[:at], append([]byte{byte(r.IntN(256))}, body[at:]...)...)
			default:
				body = append(body, body[at:]...)
			}
			if len(body) == 0 {
				body = []byte("{")
			}
		}
		send(t, h.URL, path, string(body))
	}
}

func TestTooLargeBody(t *testing.T) {
	_, h := start(t, func(c *Config) { c.BodyBytes = 1000 })
	status, body := post(t, h.URL+"/v1/completions", `{"prompt":"`+strings.Repeat("a", 2000)+`"}`)
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(body, "request_too_large") {
		t.Errorf("%d %s", status, body)
	}
}

// FuzzDecode feeds the request decoder itself.
func FuzzDecode(f *testing.F) {
	for _, of := range fields {
		f.Add(object(of, "", ""))
	}
	for _, p := range poison {
		f.Add(`{"messages":` + p + `}`)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var chat openai.ChatRequest
		if e := openai.Decode(strings.NewReader(body), &chat); e == nil {
			chat.Check()
		} else if e.Status < 400 || e.Status > 499 {
			t.Errorf("%q: status %d", body, e.Status)
		}
	})
}
