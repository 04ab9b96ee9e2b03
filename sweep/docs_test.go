package sweep

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"

	"spatten/internal/shared"
)

// documents reads a YAML file.
func documents(t *testing.T, path string) (out []map[string]any) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, doc)
	}
}

// TestManifestsKeepWhatTheyAcknowledge: the servers of the manifests have configurations that a server takes, as a cluster
// of three that syncs every write.
func TestManifestsKeepWhatTheyAcknowledge(t *testing.T) {
	t.Setenv("SERVER_NAME", "nats-0")
	dir := filepath.Join(shared.Root(t), "docs", "cluster")
	inMap := filepath.Join(t.TempDir(), "nats.conf")
	kinds := map[string]int{}
	for _, doc := range documents(t, filepath.Join(dir, "kubernetes.yaml")) {
		kind, _ := doc["kind"].(string)
		kinds[kind]++
		if kind == "ConfigMap" {
			text := doc["data"].(map[string]any)["nats.conf"].(string)
			if err := os.WriteFile(inMap, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kinds["StatefulSet"] != 1 || kinds["Deployment"] != 1 || kinds["Service"] != 1 {
		t.Errorf("kubernetes.yaml has %v", kinds)
	}
	for _, path := range []string{filepath.Join(dir, "nats.conf"), inMap} {
		o, err := server.ProcessConfigFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !o.JetStream || !o.SyncAlways || len(o.Routes) != 3 || o.ServerName != "nats-0" {
			t.Errorf("%s: JetStream %v, synced always %v, %d routes, name %q", path, o.JetStream, o.SyncAlways, len(o.Routes), o.ServerName)
		}
	}
	services := documents(t, filepath.Join(dir, "compose.yaml"))[0]["services"].(map[string]any)
	for _, name := range []string{"nats-0", "nats-1", "nats-2", "worker", "sweep"} {
		if services[name] == nil {
			t.Errorf("compose.yaml has no service %s", name)
		}
	}
}
