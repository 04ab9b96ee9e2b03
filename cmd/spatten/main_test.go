package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"spatten/internal/shared"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"spatten": func() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs testdata/script: one behaviour of the command line a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script")})
}

// TestSharedScripts runs the scripts that need reference material, which they find in $SHARED.
func TestSharedScripts(t *testing.T) {
	root := shared.Path(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "shared"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("SHARED", root)
			return nil
		},
	})
}
