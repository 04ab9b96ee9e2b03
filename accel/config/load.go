// Package config holds machines: YAML files in which every number of the hardware stands with its unit in the key and
// its source in a comment. It reads an embedded machine by name, or a file, and writes a checked value.
package config

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed machines/*.yaml
var embedded embed.FS

// maxFile is the largest machine file that is read, in bytes.
const maxFile = 1 << 20

// Names lists the embedded machines in alphabetical order.
func Names() []string {
	entries, _ := fs.ReadDir(embedded, "machines")
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Source returns the YAML of an embedded machine, or of the file that name is the path of.
func Source(name string) ([]byte, error) {
	if slices.Contains(Names(), name) {
		return embedded.ReadFile("machines/" + name + ".yaml")
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("machine %q: neither a file nor one of %s", name, strings.Join(Names(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("machine %s: not a regular file of at most %d bytes", name, maxFile)
	}
	return os.ReadFile(name)
}

// Kind tells what a machine is: "spatten" for the paper's family, "reference-rtl" for the measured RTL.
func Kind(name string) (string, error) {
	src, err := Source(name)
	if err != nil {
		return "", err
	}
	var head struct {
		Kind string `yaml:"kind"`
	}
	if err := yaml.Unmarshal(src, &head); err != nil {
		return "", fmt.Errorf("machine %s: %w", name, err)
	}
	return head.Kind, nil
}

// Decode reads a machine into the struct that into points to. Keys that the struct does not have are errors with
// their line. Each of sets, "unit.key=value", then overrides one number that the file names.
func Decode(name string, sets []string, into any) error {
	src, err := Source(name)
	if err != nil {
		return err
	}
	strict := yaml.NewDecoder(bytes.NewReader(src))
	strict.KnownFields(true)
	if err := strict.Decode(into); err != nil {
		return fmt.Errorf("machine %s: %w", name, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return fmt.Errorf("machine %s: %w", name, err)
	}
	for _, set := range sets {
		if err := override(&doc, set); err != nil {
			return fmt.Errorf("machine %s: %w", name, err)
		}
	}
	if len(sets) == 0 {
		return nil
	}
	if err := doc.Decode(into); err != nil {
		return fmt.Errorf("machine %s with %s: %w", name, strings.Join(sets, " "), err)
	}
	return nil
}

// override replaces the scalar that "a.b=value" names.
func override(doc *yaml.Node, set string) error {
	key, value, ok := strings.Cut(set, "=")
	if !ok {
		return fmt.Errorf("set %q: write unit.key=value", set)
	}
	node := doc.Content[0]
	for part := range strings.SplitSeq(key, ".") {
		next := child(node, part)
		if next == nil {
			return fmt.Errorf("set %q: no key %q here; known: %s", set, part, strings.Join(keys(node), ", "))
		}
		node = next
	}
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("set %q: %s is a group of %s", set, key, strings.Join(keys(node), ", "))
	}
	*node = yaml.Node{Kind: yaml.ScalarNode, Value: value, Line: node.Line}
	return nil
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func keys(node *yaml.Node) []string {
	var out []string
	if node.Kind == yaml.MappingNode {
		for i := 0; i < len(node.Content); i += 2 {
			out = append(out, node.Content[i].Value)
		}
	}
	return out
}
