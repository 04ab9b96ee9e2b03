package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// FirstToken is the time from a program's start to the first token that it prints, after a prompt of Depth tokens.
const FirstToken Kind = "first token"

// Program is a contender that is started anew for each measurement of FirstToken.
type Program struct {
	Name    string   // the peer
	Command []string // prints one token, as soon as it has it
}

// Peer implements Contender.
func (p *Program) Peer() string { return p.Name }

// Mode implements Contender.
func (p *Program) Mode() string { return "dense" }

// Can implements Contender.
func (p *Program) Can(k Kind) bool { return k == FirstToken }

// Measure implements Contender. The rate is that of one token.
func (p *Program) Measure(ctx context.Context, _ Test) (Sample, error) {
	cmd := exec.CommandContext(ctx, p.Command[0], p.Command[1:]...)
	var complaints tail
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Sample{}, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return Sample{}, fmt.Errorf("start %s: %w", p.Command[0], err)
	}
	_, missing := io.ReadFull(out, make([]byte, 1))
	rate := 1 / time.Since(begin).Seconds()
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil || missing != nil {
		return Sample{}, fmt.Errorf("run %s: %w: %s", p.Command[0], errors.Join(err, missing), string(complaints))
	}
	return Sample{TokensPerSecond: rate}, nil
}

// tail keeps the end of what is written.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	const most = 400
	*t = append(*t, b...)
	*t = (*t)[max(0, len(*t)-most):]
	return len(b), nil
}
