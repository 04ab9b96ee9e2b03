package sweep

import (
	"crypto/rand"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"spatten/tensor"
)

// Version names the code that computes: its commit, or the checksum of its module, or else the hash of the executable; and
// what may round differently: the compiler, the architecture and the set of kernels.
var Version = sync.OnceValue(func() string {
	return strings.Join([]string{code(), runtime.Version(), runtime.GOARCH, tensor.Kernels()}, " ")
})

// code names the source text.
func code() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Sum != "" {
			return info.Main.Sum
		}
		revision, modified := "", true
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				revision = s.Value
			case "vcs.modified":
				modified = s.Value != "false"
			}
		}
		if revision != "" && !modified {
			return revision
		}
	}
	return executable()
}

// executable is a hash of the program's file. Where it cannot be read, no other process has the same version.
func executable() string {
	sum, err := hashFile("/proc/self/exe") // the file that runs, even if another has taken its name
	if err != nil {
		var name string
		if name, err = os.Executable(); err == nil {
			sum, err = hashFile(name)
		}
	}
	if err != nil {
		return "unknown:" + rand.Text()
	}
	return "exe:" + sum[:40]
}
