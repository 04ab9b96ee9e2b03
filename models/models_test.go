package models_test

import (
	"io/fs"
	"slices"
	"testing"

	"spatten/checkpoint"
	"spatten/models"
)

// limits are the bytes that a model may take in the program.
var limits = map[string]int64{"sentiment": 25e6, "story": 16e6}

// TestModels checks that every embedded model is whole: weights that open, and what its folder must hold.
func TestModels(t *testing.T) {
	names := models.Names()
	if !slices.Contains(names, "sentiment") || !slices.Contains(names, "story") {
		t.Errorf("embedded models: %v", names)
	}
	for _, name := range names {
		fsys, ok := models.Open(name)
		if !ok {
			t.Fatalf("%s does not open", name)
		}
		for _, file := range []string{"README.md", "tokenizer.json", "schedule.yaml"} {
			if _, err := fs.Stat(fsys, file); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		c, err := checkpoint.OpenNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		if limit := limits[name]; c.Bytes() > limit {
			t.Errorf("%s: %d bytes of weights, at most %d are allowed", name, c.Bytes(), limit)
		}
		c.Close()
	}
}

func TestUnknown(t *testing.T) {
	for _, name := range []string{"", ".", "..", "nothing", "sentiment/config.json", "models.go", "../models"} {
		if _, ok := models.Open(name); ok {
			t.Errorf("%q opens", name)
		}
	}
}
