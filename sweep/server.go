package sweep

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ServerOptions say how a NATS server runs inside of this process.
type ServerOptions struct {
	Dir    string // of its store: what it has acknowledged is there, synced to the disk
	Listen string // host:port for clients; empty: only this process connects

	Name    string   // the rest is of a cluster
	Cluster string   // host:port for the other servers
	Routes  []string // host:port of the other servers
}

// Server is a NATS server with JetStream in this process.
type Server struct {
	s    *server.Server
	lock *flock.Flock
}

// startTimeout bounds the wait until a server takes connections.
const startTimeout = 20 * time.Second

// StartServer starts a server. Its folder is its own: a second server on it is refused.
func StartServer(o ServerOptions) (*Server, error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("sweep: server: %w", err)
	}
	lock := flock.New(filepath.Join(o.Dir, "lock"))
	if ok, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("sweep: server: %w", err)
	} else if !ok {
		return nil, fmt.Errorf("sweep: a sweep runs in %s already; wait for it, or choose another --out", o.Dir)
	}
	opts := &server.Options{
		ServerName: o.Name, DontListen: o.Listen == "", NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: o.Dir, SyncAlways: true, JetStreamMaxMemory: 1 << 28, JetStreamMaxStore: 1 << 40,
	}
	s, err := start(o, opts)
	if err != nil {
		lock.Unlock()
		return nil, err
	}
	return &Server{s, lock}, nil
}

func start(o ServerOptions, opts *server.Options) (*server.Server, error) {
	var err error
	if o.Listen != "" {
		if opts.Host, opts.Port, err = split(o.Listen); err != nil {
			return nil, err
		}
	}
	if o.Cluster != "" {
		opts.Cluster.Name = "spatten"
		if opts.Cluster.Host, opts.Cluster.Port, err = split(o.Cluster); err != nil {
			return nil, err
		}
		for _, r := range o.Routes {
			opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: r})
		}
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("sweep: server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, errors.New("sweep: the server did not start; is its address free, and can its folder be written?")
	}
	return s, nil
}

// split reads host:port.
func split(address string) (string, int, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("sweep: server: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("sweep: server: port %q", port)
	}
	if n == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(n), nil
}

// URL is where clients connect.
func (s *Server) URL() string { return s.s.ClientURL() }

// connection is the option with which this process connects without a port.
func (s *Server) connection() nats.Option { return nats.InProcessServer(s.s) }

// Close stops the server. What it has acknowledged stays in its folder.
func (s *Server) Close() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
	s.lock.Unlock()
}
