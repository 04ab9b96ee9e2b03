package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEmbeddedMachines(t *testing.T) {
	for _, name := range Names() {
		kind, err := Kind(name)
		if err != nil {
			t.Fatal(err)
		}
		if kind != KindSpAtten {
			continue
		}
		m, err := Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if m.Name != name {
			t.Errorf("machine file %s calls itself %s", name, m.Name)
		}
	}
}

// Table I of the paper.
func TestSpAttenIsTableI(t *testing.T) {
	m, err := Load("spatten", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.BytesPerCycle(); got != 512 {
		t.Errorf("peak bandwidth %v bytes a cycle, the paper has 512", got)
	}
	if got := m.PeakOpsPerCycle(); got != 2048 {
		t.Errorf("%d operations a cycle, the paper has 2,048", got)
	}
	if got := m.KeySRAM.Bytes; got != 2*1024*64*12/8 {
		t.Errorf("K SRAM of %d bytes", got)
	}
}

func TestSet(t *testing.T) {
	m, err := Load("spatten", []string{"topk.comparators=4", "dram.refresh=false"})
	if err != nil {
		t.Fatal(err)
	}
	if m.TopK.Comparators != 4 || m.DRAM.Refresh {
		t.Errorf("comparators %d, refresh %v", m.TopK.Comparators, m.DRAM.Refresh)
	}
	plain, _ := Load("spatten", nil)
	if m.Hash() == plain.Hash() {
		t.Error("an overridden machine has the hash of the plain one")
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"topk.comparator=4", `no key "comparator"`},
		{"topk=4", "group of comparators"},
		{"topk.comparators", "unit.key=value"},
		{"topk.comparators=many", "cannot unmarshal"},
		{"topk.comparators=12", "power of two"},
		{"clock_ghz=0", "clock_ghz"},
	} {
		if _, err := Load("spatten", []string{c.set}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, expected one with %q", c.set, err, c.want)
		}
	}
	if _, err := Load("sputten", nil); err == nil || !strings.Contains(err.Error(), "spatten") {
		t.Errorf("unknown machine: %v", err)
	}
}

func TestUnknownKeyHasItsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(path, []byte("kind: spatten\nname: x\nclock_mhz: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, nil); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("error %v, expected one that names line 3", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("kind: spatten", "topk.comparators=3")
	f.Add("- 1", "a=b")
	f.Add("", "a=b")
	path := filepath.Join(f.TempDir(), "m.yaml")
	f.Fuzz(func(t *testing.T, text, set string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Skip()
		}
		var m Machine
		if Decode(path, []string{set}, &m) == nil {
			_ = m.Check()
		}
	})
}
