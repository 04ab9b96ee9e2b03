package sweep

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// role, in the environment, makes the test's own program a server, a worker or a coordinator.
const role = "SPATTEN_SWEEP_ROLE"

const chaosAckWait = 2 * time.Second

func TestMain(m *testing.M) {
	act, ok := map[string]func(args []string) error{"server": serverRole, "worker": workerRole, "coordinator": coordinatorRole}[os.Getenv(role)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := act(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, os.Getenv(role)+":", err)
		os.Exit(1)
	}
}

// serverRole is one of three servers: name, folder, address for clients, for the cluster, and of the others.
func serverRole(args []string) error {
	if _, err := StartServer(ServerOptions{Name: args[0], Dir: args[1], Listen: args[2], Cluster: args[3], Routes: args[4:]}); err != nil {
		return err
	}
	select {}
}

// workerRole computes: servers, folder of the cache.
func workerRole(args []string) error {
	b, err := Connect(context.Background(), BusOptions{URL: args[0], AckWait: chaosAckWait}, false)
	if err != nil {
		return err
	}
	w, err := NewWorker(b, args[1], nil)
	if err != nil {
		return err
	}
	w.compute = func(ctx context.Context, j *Job, files Files) (*Result, error) {
		pause(ctx, 25*time.Millisecond) // so that there is time to be killed in
		return compute(ctx, j, files)
	}
	return w.Run(context.Background(), b)
}

// coordinatorRole sees a grid through: servers, grid, folder of the cache, file of the table.
func coordinatorRole(args []string) error {
	g, err := LoadGrid(args[1])
	if err != nil {
		return err
	}
	p, err := g.Plan()
	if err != nil {
		return err
	}
	ctx := context.Background()
	b, err := Connect(ctx, BusOptions{URL: args[0], AckWait: chaosAckWait}, true)
	if err != nil {
		return err
	}
	cache, err := NewCache(args[2], b.Fetch)
	if err != nil {
		return err
	}
	results, counts, err := (&Coordinator{Audit: 0.02, Files: cache}).Run(ctx, b, p)
	if err != nil {
		return err
	}
	table, err := p.Table(results)
	if err != nil {
		return err
	}
	if counts.Conflicts+counts.Wrong+counts.Refused+counts.Discarded > 0 {
		return fmt.Errorf("noticed %+v, although nobody is wrong", counts)
	}
	for name, write := range map[string]func(*os.File) error{"table.parquet": func(f *os.File) error { return table.Parquet(f) }, "table.csv": func(f *os.File) error { return table.CSV(f) }} {
		f, err := os.Create(filepath.Join(args[3], name))
		if err != nil {
			return err
		}
		if err := errors.Join(write(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// process is the test's own program in a role; it is started again whenever it has been killed.
type process struct {
	role string
	args []string
	mu   sync.Mutex
	cmd  *exec.Cmd
}

func (p *process) start(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.Command(os.Args[0], p.args...)
	p.cmd.Env = append(os.Environ(), role+"="+p.role)
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Error(err)
	}
}

// kill is kill -9.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// cluster starts three servers, and returns them with their URLs.
func cluster(t *testing.T) (servers []*process, urls string) {
	t.Helper()
	var clients, routes []string
	for range 3 {
		clients, routes = append(clients, freeAddress(t)), append(routes, freeAddress(t))
	}
	for i := range 3 {
		s := &process{role: "server", args: append([]string{fmt.Sprintf("n%d", i), t.TempDir(), clients[i], routes[i]}, routes...)}
		s.start(t)
		t.Cleanup(s.kill)
		servers = append(servers, s)
	}
	return servers, "nats://" + strings.Join(clients, ",nats://")
}

// whole reports whether every replica of the queue and of the results is there and current.
func (b *Bus) whole(ctx context.Context) bool {
	for _, name := range []string{jobStream, "KV_" + resultBucket} {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		s, err := b.js.Stream(try, name)
		cancel()
		if err != nil {
			return false
		}
		c := s.CachedInfo().Cluster
		if c == nil || c.Leader == "" || len(c.Replicas) != 2 || !c.Replicas[0].Current || !c.Replicas[1].Current || c.Replicas[0].Offline || c.Replicas[1].Offline {
			return false
		}
	}
	return true
}

// chaosGrid has 500 jobs.
func chaosGrid() string {
	var seeds []string
	for i := range 25 {
		seeds = append(seeds, fmt.Sprint(i))
	}
	return `{name: chaos, kind: simulate, schedules: [dense, paper-default], machines: [spatten, spatten-eighth], seeds: [` + strings.Join(seeds, ", ") + `],
  workloads: [{model: bert-base, tokens: 1}, {model: bert-base, tokens: 2}, {model: bert-base, tokens: 3}, {model: gpt2-small, tokens: 10, generated: 1}, {model: gpt2-small, tokens: 20, generated: 1}]}`
}

// TestChaos runs 500 jobs on four worker processes and a cluster of three servers, while workers, the coordinator and one
// server at a time are killed (-9) at random. On a slow machine the killing ends before the sweep does.
func TestChaos(t *testing.T) {
	p := planOf(t, chaosGrid())
	if len(p.Jobs) != 500 {
		t.Fatalf("%d jobs", len(p.Jobs))
	}
	want, wantParquet := bytesOf(t, localTable(t, p, 2))
	servers, urls := cluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	b, err := Connect(ctx, BusOptions{URL: urls, AckWait: chaosAckWait}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cache, out := t.TempDir(), t.TempDir()
	grid := filepath.Join(out, "grid.yaml")
	if err := os.WriteFile(grid, []byte(chaosGrid()), 0o644); err != nil {
		t.Fatal(err)
	}
	var workers []*process
	for range 4 {
		w := &process{role: "worker", args: []string{urls, cache}}
		w.start(t)
		t.Cleanup(w.kill)
		workers = append(workers, w)
	}
	started := time.Now()
	done, stop := context.WithCancel(ctx)
	var killed struct{ workers, servers, coordinators int }
	var group sync.WaitGroup
	group.Go(func() {
		for killed.workers < 40 && pause(done, time.Duration(400+rand.IntN(1200))*time.Millisecond) {
			w := workers[rand.IntN(len(workers))]
			w.kill()
			killed.workers++
			w.start(t)
		}
	})
	group.Go(func() {
		for killed.servers < 6 && pause(done, time.Duration(1000+rand.IntN(2000))*time.Millisecond) {
			if !b.whole(done) {
				continue
			}
			s := servers[rand.IntN(len(servers))]
			s.kill()
			killed.servers++
			pause(done, time.Duration(rand.IntN(1500))*time.Millisecond)
			s.start(t)
		}
	})
	for err = errors.New("not started"); err != nil && ctx.Err() == nil; {
		life := ctx
		if killed.coordinators < 3 {
			var end context.CancelFunc
			life, end = context.WithTimeout(ctx, time.Duration(1000+rand.IntN(4000))*time.Millisecond)
			defer end()
		}
		c := exec.CommandContext(life, os.Args[0], urls, grid, cache, out)
		c.Env = append(os.Environ(), role+"=coordinator")
		c.Stderr = os.Stderr
		if err = c.Run(); err != nil {
			if life.Err() == nil {
				t.Errorf("coordinator: %v", err)
				break
			}
			killed.coordinators++
		}
	}
	stop()
	group.Wait()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("survived in %.1f s: %d workers, %d servers and %d coordinators killed", time.Since(started).Seconds(), killed.workers, killed.servers, killed.coordinators)
	for name, want := range map[string]string{"table.csv": want, "table.parquet": wantParquet} {
		if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != want {
			t.Errorf("%s differs from that of one process (%v)", name, err)
		}
	}
	if killed.workers == 0 || killed.servers == 0 || killed.coordinators == 0 {
		t.Error("nothing was killed")
	}
}
