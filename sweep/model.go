package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"spatten/checkpoint"
	"spatten/checkpoint/hub"
	"spatten/eval"
	"spatten/model"
	"spatten/models"
	"spatten/tensor"
	"spatten/tokenizer"
)

// manifest is a model by content: its files, and which of them is opened; none for the folder.
type manifest struct {
	Open  string            `json:"open,omitempty"`
	Files map[string]string `json:"files"` // name → hash
}

// addModel makes a model part of the plan: an embedded one by name, a folder or a file, or org/name that was pulled.
func (p *Plan) addModel(name string) (string, error) {
	m := manifest{Files: map[string]string{}}
	if embedded, ok := models.Open(name); ok {
		entries, err := fs.ReadDir(embedded, ".")
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			data, err := fs.ReadFile(embedded, e.Name())
			if err != nil {
				return "", err
			}
			m.Files[e.Name()] = p.add(data)
		}
		return p.addManifest(&m), nil
	}
	path, err := hub.Resolve(name)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	dir := path
	if !info.IsDir() {
		dir, m.Open = filepath.Dir(path), filepath.Base(path)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() || !m.wants(e.Name()) {
			continue
		}
		if m.Files[e.Name()], err = p.addFile(file); err != nil {
			return "", err
		}
	}
	return p.addManifest(&m), nil
}

func (p *Plan) addManifest(m *manifest) string {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // plain data
	}
	return p.add(b)
}

// wants reports whether a file belongs to the model that is opened: a GGUF file is whole by itself, but for its other parts.
func (m *manifest) wants(name string) bool {
	if !strings.EqualFold(filepath.Ext(m.Open), ".gguf") {
		return true
	}
	part, _, split := strings.Cut(m.Open, "-00001-of-")
	return name == m.Open || split && strings.HasPrefix(name, part+"-0")
}

// bench is a model that is open for judging, with what has been read for it.
type bench struct {
	key    string
	runner *eval.Runner
	scorer *eval.Scorer
	probe  *eval.Probe
	close  func()
}

// benches are open models that nobody uses: a job after another asks for the same model and texts, and the dense side of
// them is computed once.
var benches struct {
	sync.Mutex
	idle []*bench
}

// maxIdle bounds the models that are kept open.
const maxIdle = 4

// take gives a bench for a job: an idle one of the same model, texts and precision, or a new one.
func (j *Job) take(ctx context.Context, files Files) (*bench, error) {
	b, err := json.Marshal([]any{j.Model, j.Data, j.Judge})
	if err != nil {
		return nil, err
	}
	key := hash(b)
	benches.Lock()
	for i, b := range benches.idle {
		if b.key == key {
			benches.idle = append(benches.idle[:i], benches.idle[i+1:]...)
			benches.Unlock()
			return b, nil
		}
	}
	benches.Unlock()
	return j.open(ctx, files, key)
}

// give returns a bench that is still good.
func (b *bench) give() {
	benches.Lock()
	defer benches.Unlock()
	if benches.idle = append(benches.idle, b); len(benches.idle) > maxIdle {
		benches.idle[0].close()
		benches.idle = benches.idle[1:]
	}
}

// open opens a job's model. Its files are linked into a folder of their own under the names that they have in it.
func (j *Job) open(ctx context.Context, files Files, key string) (*bench, error) {
	text, err := read(ctx, files, j.Model)
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, failed{fmt.Errorf("model: %w", err)}
	}
	dir, err := os.MkdirTemp("", "spatten-model-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // what is mapped stays
	for name, h := range m.Files {
		if !fs.ValidPath(name) || strings.ContainsAny(name, `/\`) {
			return nil, failed{fmt.Errorf("model: file name %q", name)}
		}
		path, err := files.Path(ctx, h)
		if err != nil {
			return nil, err
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return j.load(filepath.Join(dir, m.Open), key)
}

// load loads a model from its folder or file.
func (j *Job) load(path, key string) (*bench, error) {
	precision := tensor.F32
	if j.Judge.Precision == "int8" {
		precision = tensor.Int8
	}
	c, err := checkpoint.Open(path)
	if err != nil {
		return nil, failed{errors.New("the model cannot be opened; see 'spatten inspect'")}
	}
	b := &bench{key: key, runner: &eval.Runner{}}
	if b.runner.Model, err = model.Load(c); err == nil {
		b.runner.Tokenizer, err = tokenizer.FromCheckpoint(c)
	}
	if err != nil {
		c.Close()
		return nil, failed{errors.New("the model cannot be loaded; see 'spatten inspect'")}
	}
	b.runner.CPU = tensor.NewCPU(1, precision) // many jobs run beside each other
	b.close = func() { b.runner.CPU.Close(); c.Close() }
	return b, nil
}

// texts reads a job's texts.
func (j *Job) texts(ctx context.Context, files Files) ([]eval.Text, error) {
	var out []eval.Text
	for _, t := range j.Data {
		data, err := read(ctx, files, t.File)
		if err != nil {
			return nil, err
		}
		out = append(out, eval.Text{Name: t.Name, Text: string(data)})
	}
	return out, nil
}
