package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spatten/generate"
)

// cacheFlags name the files in which a prompt's state is kept between runs.
type cacheFlags struct {
	load, save string
	from, to   *os.File
	out        *bufio.Writer
}

func (f *cacheFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.load, "load-cache", "", "go on from what --save-cache saved of a prompt that begins the same, instead of reading it again")
	cmd.Flags().StringVar(&f.save, "save-cache", "", "save what has been read of the prompt to this file")
}

// open opens the files. It returns nil where none is named.
func (f *cacheFlags) open(o *opened) (*generate.PromptCache, error) {
	if f.load == "" && f.save == "" {
		return nil, nil
	}
	hash, err := o.checkpoint.Hash()
	if err != nil {
		return nil, err
	}
	c := &generate.PromptCache{Model: hash}
	if f.load != "" {
		if f.from, err = os.Open(f.load); err != nil {
			return nil, fmt.Errorf("load the prompt: %w", err)
		}
		c.Load = bufio.NewReaderSize(f.from, 1<<20)
	}
	if f.save != "" {
		// Beside the file that it becomes once it is whole.
		if f.to, err = os.CreateTemp(filepath.Dir(f.save), filepath.Base(f.save)+".part-*"); err != nil {
			f.close(false)
			return nil, fmt.Errorf("save the prompt: %w", err)
		}
		f.out = bufio.NewWriterSize(f.to, 1<<20)
		c.Save = f.out
	}
	return c, nil
}

// close closes the files, and puts what was saved into its place where the run went well.
func (f *cacheFlags) close(well bool) error {
	if f.from != nil {
		f.from.Close()
	}
	if f.to == nil {
		return nil
	}
	err := f.out.Flush()
	if closing := f.to.Close(); err == nil {
		err = closing
	}
	if err == nil && well {
		err = os.Rename(f.to.Name(), f.save)
	}
	if err != nil || !well {
		os.Remove(f.to.Name())
	}
	f.to = nil
	if err != nil {
		return fmt.Errorf("save the prompt: %w", err)
	}
	return nil
}
