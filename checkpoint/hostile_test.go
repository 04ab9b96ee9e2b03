package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"spatten/checkpoint/gguf"
	"spatten/checkpoint/safetensors"
)

// oneTensor is a safetensors file with one tensor of four bytes.
func oneTensor(name string) string {
	header := fmt.Sprintf(`{%q:{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, name)
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + "data"
}

// ggufPart is a GGUF file that says it is part number of count, and holds one tensor of four bytes.
func ggufPart(name string, number, count uint16) string {
	b := binary.LittleEndian.AppendUint32([]byte("GGUF"), 3)
	b = binary.LittleEndian.AppendUint64(b, 1)
	b = binary.LittleEndian.AppendUint64(b, 3)
	text := func(s string) {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	for key, value := range map[string]uint16{"split.no": number - 1, "split.count": count, "split.tensors.count": count} {
		text(key)
		b = binary.LittleEndian.AppendUint32(b, 2) // a uint16
		b = binary.LittleEndian.AppendUint16(b, value)
	}
	text(name)
	b = binary.LittleEndian.AppendUint32(b, 1) // dimensions
	b = binary.LittleEndian.AppendUint64(b, 4)
	b = binary.LittleEndian.AppendUint32(b, 24) // I8
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = append(b, make([]byte, 31-(len(b)+31)%32)...)
	return string(b) + "data"
}

// ggufFile is a GGUF file with one number in its metadata and no tensor.
func ggufFile(key string, value uint32) string {
	b := binary.LittleEndian.AppendUint32([]byte("GGUF"), 3)
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 1)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(key)))
	b = append(b, key...)
	b = binary.LittleEndian.AppendUint32(b, 4) // a uint32
	return string(binary.LittleEndian.AppendUint32(b, value))
}

// folders are models in memory and what opening them must say; nothing where it must succeed.
var folders = []struct {
	name  string
	files map[string]string
	says  string
}{
	{"one file", map[string]string{"model.safetensors": oneTensor("a")}, ""},
	{"one GGUF", map[string]string{"any.gguf": ggufFile("k", 1)}, ""},
	{"shards", map[string]string{
		indexFile:       `{"metadata":{"total_size":8},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`,
		"1.safetensors": oneTensor("a"), "2.safetensors": oneTensor("b"),
	}, ""},
	{"nothing", map[string]string{"config.json": "{}"}, "holds no model.safetensors"},
	{"two GGUF files", map[string]string{"a.gguf": "", "b.gguf": ""}, "2 .gguf files (a.gguf, b.gguf); name one"},
	{"GGUF in parts", map[string]string{"a-00001-of-00002.gguf": ggufPart("a", 1, 2), "a-00002-of-00002.gguf": ggufPart("b", 2, 2)}, ""},
	{"GGUF part of another name", map[string]string{"a.gguf": ggufFile("split.count", 3)}, "one of 3 parts"},
	{"GGUF part missing", map[string]string{"a-00001-of-00002.gguf": ggufPart("a", 1, 2)}, "a-00002-of-00002.gguf"},
	{"GGUF part twice", map[string]string{"a-00001-of-00002.gguf": ggufPart("a", 1, 2), "a-00002-of-00002.gguf": ggufPart("b", 1, 2)}, "says that it is part 1 of 2"},
	{"GGUF parts of two models", map[string]string{"a-00001-of-00002.gguf": ggufPart("a", 1, 2), "a-00002-of-00002.gguf": ggufPart("b", 2, 3)}, "says that it is part 2 of 3"},
	{"GGUF parts with one tensor", map[string]string{"a-00001-of-00002.gguf": ggufPart("a", 1, 2), "a-00002-of-00002.gguf": ggufPart("a", 2, 2)}, `holds tensor "a", which another part holds too`},
	{"GGUF parts without number", map[string]string{"a-00001-of-00002.gguf": ggufFile("split.count", 2), "a-00002-of-00002.gguf": ggufFile("split.count", 2)}, "says that it is part 1 of 2"},
	{"GGUF parts without end", map[string]string{"a-00001-of-60000.gguf": ggufPart("a", 1, 60000)}, "at most 1024 parts"},
	{"weights cut short", map[string]string{"model.safetensors": oneTensor("a")[:20]}, "cut short"},
	{"weights empty", map[string]string{"model.safetensors": ""}, "cut short"},
	{"weights a folder", map[string]string{"model.safetensors/x": ""}, "not a regular file"},
	{"index no JSON", map[string]string{indexFile: `{`}, indexFile},
	{"index a folder", map[string]string{indexFile + "/x": ``}, "no regular file"},
	{"index without map", map[string]string{indexFile: `{}`}, "names 0 files"},
	{"index leaves the folder", map[string]string{indexFile: `{"weight_map":{"a":"../1.safetensors"}}`}, "no .safetensors file beside it"},
	{"index into a folder", map[string]string{indexFile: `{"weight_map":{"a":"x/1.safetensors"}}`}, "no .safetensors file beside it"},
	{"index to an absolute path", map[string]string{indexFile: `{"weight_map":{"a":"/1.safetensors"}}`}, "no .safetensors file beside it"},
	{"index leaves the folder on Windows", map[string]string{indexFile: `{"weight_map":{"a":"..\\1.safetensors"}}`}, "no .safetensors file beside it"},
	{"index to a drive", map[string]string{indexFile: `{"weight_map":{"a":"c:1.safetensors"}}`}, "no .safetensors file beside it"},
	{"index to another kind of file", map[string]string{indexFile: `{"weight_map":{"a":"config.json"}}`}, "no .safetensors file beside it"},
	{"index names a tensor twice", map[string]string{indexFile: `{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}`}, "duplicate"},
	{"index to a missing file", map[string]string{indexFile: `{"weight_map":{"a":"1.safetensors"}}`}, "1.safetensors"},
	{"tensor in another shard", map[string]string{
		indexFile:       `{"weight_map":{"a":"2.safetensors","b":"1.safetensors"}}`,
		"1.safetensors": oneTensor("a"), "2.safetensors": oneTensor("b"),
	}, `holds tensor "a", which the index places in "2.safetensors"`},
	{"tensor in two shards", map[string]string{
		indexFile:       `{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`,
		"1.safetensors": oneTensor("a"), "2.safetensors": oneTensor("a"),
	}, `holds tensor "a", which the index places in "1.safetensors"`},
	{"tensor in no shard", map[string]string{
		indexFile:       `{"weight_map":{"a":"1.safetensors","b":"1.safetensors"}}`,
		"1.safetensors": oneTensor("a"),
	}, `places tensor "b" in 1.safetensors, which lacks it`},
	{"tensor that the index does not know", map[string]string{
		indexFile:       `{"weight_map":{"a":"1.safetensors"}}`,
		"1.safetensors": oneTensor("b"),
	}, `holds tensor "b"`},
}

// TestFolders opens every folder from memory and from disk: both must say the same.
func TestFolders(t *testing.T) {
	for _, f := range folders {
		t.Run(f.name, func(t *testing.T) {
			memory, dir := fstest.MapFS{}, t.TempDir()
			for name, content := range f.files {
				memory[name] = &fstest.MapFile{Data: []byte(content)}
			}
			if err := os.CopyFS(dir, memory); err != nil {
				t.Fatal(err)
			}
			inMemory, errMemory := OpenFS(memory, "model")
			onDisk, errDisk := Open(dir)
			for _, err := range []error{errMemory, errDisk} {
				if f.says == "" && err != nil || f.says != "" && (err == nil || !strings.Contains(err.Error(), f.says)) {
					t.Errorf("got error %v; want %q", err, f.says)
				}
			}
			if f.says == "" {
				if a, b := fmt.Sprint(inMemory.Names()), fmt.Sprint(onDisk.Names()); a != b {
					t.Errorf("tensors %s in memory, %s on disk", a, b)
				}
				onDisk.Close()
			}
		})
	}
}

func TestTooManyShards(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"weight_map":{"0":"0.safetensors"`)
	for i := range maxShards {
		fmt.Fprintf(&b, `,"%d":"%d.safetensors"`, i+1, i+1)
	}
	b.WriteString(`}}`)
	_, err := OpenFS(fstest.MapFS{indexFile: {Data: []byte(b.String())}}, "model")
	if err == nil || !strings.Contains(err.Error(), "1025 files") {
		t.Error(err)
	}
}

// TestParserErrors checks that the parsers' typed errors come through.
func TestParserErrors(t *testing.T) {
	_, err := OpenFS(fstest.MapFS{"a.gguf": {Data: []byte("GGUX")}}, "model")
	var g *gguf.Error
	if !errors.As(err, &g) {
		t.Error(err)
	}
	_, err = OpenFS(fstest.MapFS{"model.safetensors": {Data: []byte("123")}}, "model")
	var s *safetensors.Error
	if !errors.As(err, &s) {
		t.Error(err)
	}
}

func TestSideFiles(t *testing.T) {
	dir := t.TempDir()
	files := fstest.MapFS{
		"outside.json":              {Data: []byte(`"outside"`)},
		"model/config.json":         {Data: []byte(`{}`)},
		"model/1_Pooling/x.json":    {Data: []byte(`[]`)},
		"model/model.safetensors":   {Data: []byte(oneTensor("a"))},
		"model/folder.json/nothing": {},
		"model/quantized.gguf":      {Data: []byte(ggufFile("k", 1))},
	}
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "model", "huge.json")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, maxSideFile+1); err != nil { // a hole, not bytes
		t.Fatal(err)
	}
	c, err := Open(filepath.Join(dir, "model"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, want := range map[string]string{"config.json": "{}", "1_Pooling/x.json": "[]"} {
		if got, err := c.File(name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := c.File("absent.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	for _, name := range []string{"../outside.json", "/etc/hostname", "folder.json", "huge.json", ""} {
		if got, err := c.File(name); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %d bytes, %v", name, len(got), err)
		}
	}
	lone, err := Open(filepath.Join(dir, "model", "quantized.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer lone.Close()
	if _, err := lone.File("config.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a GGUF file has another model's config.json: %v", err)
	}
}

func TestClose(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.safetensors"), []byte(oneTensor("a")), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(filepath.Join(dir, "m.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, ok := c.Tensor("a"); ok {
		t.Error("a closed checkpoint hands out a tensor")
	}
}

func TestOpenNamed(t *testing.T) {
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	_, err := OpenNamed("org/absent")
	if err == nil || !strings.Contains(err.Error(), "spatten pull org/absent") || !strings.Contains(err.Error(), "embedded models") {
		t.Error(err)
	}
	c, err := OpenNamed("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if len(c.Names()) == 0 {
		t.Error("the embedded model has no tensor")
	}
}
