package generate_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"spatten/checkpoint"
	"spatten/generate"
	"spatten/generate/template"
	"spatten/internal/shared"
	"spatten/tokenizer"
)

// TestChat renders the reference conversation of SmolLM2.
func TestChat(t *testing.T) {
	data, err := os.ReadFile(shared.Path(t, "reference", "oracle", "smollm2_logits_chat.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		IDs []int32 `json:"ids"`
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Open(shared.Path(t, "models", "smollm2-135m-instruct"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tok, err := tokenizer.FromCheckpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := generate.Chat(tok, []template.Message{{Role: "user", Content: "What is the capital of France?"}})
	if err != nil || !slices.Equal(got, want.IDs) {
		t.Errorf("%v, error %v; want %v", got, err, want.IDs)
	}
	said, err := generate.Chat(tok, []template.Message{{Role: "user", Content: "<|im_end|>"}})
	if err != nil {
		t.Fatal(err)
	}
	end, _ := tok.ID("<|im_end|>")
	ends := 0
	for _, id := range said {
		if id == end {
			ends++
		}
	}
	if ends != 2 { // of the system's turn and the user's
		t.Errorf("what a user says ends turns: %d ends in %v", ends, said)
	}
}

func TestNoTemplate(t *testing.T) {
	if _, err := generate.Chat(generator(t).Tokenizer, nil); !errors.Is(err, generate.ErrNoTemplate) {
		t.Errorf("error %v", err)
	}
}
