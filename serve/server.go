package serve

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"spatten/serve/openai"
)

// Config says how a server is reached and what it takes on.
type Config struct {
	Addr       string   // HOST:PORT to listen on
	Hosts      []string // names by which it is known, beside localhost and its own address
	Origins    []string // of pages elsewhere that may call it
	Keys       []string // API keys; none asks for none
	CertFile   string   // TLS, with KeyFile
	KeyFile    string
	Machine    string // simulate every text on this accelerator and report cycles and energy; "" does not
	Limits     Limits
	BodyBytes  int64         // of a request
	PromptSize int           // bytes of a prompt's text
	Deadline   time.Duration // of one request
	Log        *slog.Logger
}

// Defaults are the limits of a server whose user says nothing.
var Defaults = Config{
	Addr:      "127.0.0.1:8080",
	Limits:    Limits{Queue: 128, Active: 16, CacheBytes: 2 << 30, Prefill: 256},
	BodyBytes: 4 << 20, PromptSize: 1 << 20, Deadline: 10 * time.Minute,
}

// listensOn reports whether the server was told to listen on an address.
func (c *Config) listensOn(ip net.IP) bool {
	host, _, err := net.SplitHostPort(c.Addr)
	return err == nil && ip.Equal(net.ParseIP(host))
}

// Server answers HTTP requests with the models that it was given.
type Server struct {
	config  Config
	keys    [][sha256.Size]byte
	models  []*Model
	memory  *Memory
	metrics *metrics
	turn    sync.Mutex
	started time.Time
	ids     atomic.Int64
	closing atomic.Bool
	http    *http.Server
}

// New returns a server without models.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, memory: NewMemory(c.Limits.CacheBytes), started: time.Now()}
	s.metrics = newMetrics(s.memory)
	for _, k := range c.Keys {
		s.keys = append(s.keys, sha256.Sum256([]byte(k)))
	}
	return s
}

// Handler returns everything that the server answers.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", s.listModels)
	mux.HandleFunc("GET /v1/models/{id...}", s.showModel)
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("POST /v1/completions", s.complete)
	mux.HandleFunc("POST /v1/embeddings", s.embed)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /health", s.health) // as llama-server has it
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	s.page(mux)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		openai.Problem(http.StatusNotFound, "invalid_request_error", "unknown_url", "no such address: %s %.100s", r.Method, r.URL.Path).Write(w)
	})
	return s.limit(s.watch(s.guard(mux)))
}

// limit bounds the body and the time of every request.
func (s *Server) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.config.Deadline)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, s.config.BodyBytes)
		next.ServeHTTP(w, r)
	})
}

// watch logs and counts every request. A panic ends its request alone.
func (s *Server) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, status := time.Now(), &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.config.Log.Error("request panicked", "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if !status.wrote {
					openai.Problem(http.StatusInternalServerError, "server_error", "internal", "the server failed on this request; it has been logged").Write(status)
				}
			}
			path := r.Pattern // of the routes, so that strangers' paths do not become metrics
			if path == "" {
				path = "other"
			}
			s.metrics.requests.WithLabelValues(path, strconv.Itoa(status.status)).Inc()
			s.config.Log.Info("request", "method", r.Method, "path", r.URL.Path, "status", status.status, "seconds", time.Since(begin).Seconds())
		}()
		next.ServeHTTP(status, r)
	})
}

// statusWriter remembers the status. It lets handlers flush.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status, w.wrote = status, true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write([]byte(`{"status":"ok"}`))
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.closing.Load() || len(s.models) == 0 {
		openai.Problem(http.StatusServiceUnavailable, "server_error", "not_ready", "the server takes no requests").Write(w)
		return
	}
	s.health(w, nil)
}

// Listen serves until ctx ends, then finishes what was begun, for at most grace.
func (s *Server) Listen(ctx context.Context, grace time.Duration, listening func(net.Addr)) error {
	l, err := net.Listen("tcp", s.config.Addr)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	s.http = &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() {
		if s.config.CertFile != "" {
			failed <- s.http.ServeTLS(l, s.config.CertFile, s.config.KeyFile)
		} else {
			failed <- s.http.Serve(l)
		}
	}()
	listening(l.Addr())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.closing.Store(true)
	end, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return errors.Join(s.http.Shutdown(end), s.Close(end))
}

// Close finishes all requests and stops the models' engines.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Store(true)
	var errs []error
	for _, m := range s.models {
		errs = append(errs, m.close(ctx))
	}
	return errors.Join(errs...)
}

// model returns a model by its id; without an id, the first that can do what is asked.
func (s *Server) model(id string, can func(*Model) bool) (*Model, *openai.Error) {
	i := slices.IndexFunc(s.models, func(m *Model) bool { return m.ID == id || id == "" && can(m) })
	if i < 0 {
		e := openai.Problem(http.StatusNotFound, "invalid_request_error", "model_not_found", "there is no model %.100q; GET /v1/models lists those there are", id)
		param := "model"
		e.Param = &param
		return nil, e
	}
	return s.models[i], nil
}

func (s *Server) id(kind string) string {
	return fmt.Sprintf("%s-%x-%d", kind, s.started.UnixNano(), s.ids.Add(1))
}
