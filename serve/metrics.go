package serve

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"spatten/generate"
)

// metrics implements Observer for Prometheus.
type metrics struct {
	registry    *prometheus.Registry
	waiting     *prometheus.GaugeVec
	active      *prometheus.GaugeVec
	prompt      *prometheus.CounterVec
	generated   *prometheus.CounterVec
	firstToken  *prometheus.HistogramVec
	kvRead      *prometheus.CounterVec
	kvDense     *prometheus.CounterVec
	pruned      *prometheus.CounterVec
	tokenLayers *prometheus.CounterVec
	requests    *prometheus.CounterVec
}

func newMetrics(memory *Memory) *metrics {
	perModel := []string{"model"}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "spatten_" + name, Help: help}, perModel)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "spatten_" + name, Help: help}, labels)
	}
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		waiting:   gauge("queue_requests", "Requests that wait for a place."),
		active:    gauge("active_requests", "Requests that are being served."),
		prompt:    counter("prompt_tokens_total", "Tokens of prompts that were read.", perModel...),
		generated: counter("generated_tokens_total", "Tokens that were generated.", perModel...),
		firstToken: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "spatten_time_to_first_token_seconds", Help: "From a request's arrival to the end of its prompt.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}, perModel),
		kvRead:      counter("kv_bytes_total", "Bytes of keys and values that decode steps read.", perModel...),
		kvDense:     counter("dense_fp32_kv_bytes_total", "The same for a dense fp32 cache.", perModel...),
		pruned:      counter("pruned_token_layers_total", "Tokens that did not pass a layer because they had been pruned.", perModel...),
		tokenLayers: counter("token_layers_total", "Tokens that passed a layer.", perModel...),
		requests:    counter("requests_total", "Requests by path and status.", "path", "status"),
	}
	m.registry.MustRegister(m.waiting, m.active, m.prompt, m.generated, m.firstToken, m.kvRead, m.kvDense, m.pruned, m.tokenLayers, m.requests,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "spatten_cache_bytes", Help: "Cache memory that is reserved."},
			func() float64 { return float64(memory.Used()) }))
	return m
}

// Queued implements Observer.
func (m *metrics) Queued(model string, waiting, active int) {
	m.waiting.WithLabelValues(model).Set(float64(waiting))
	m.active.WithLabelValues(model).Set(float64(active))
}

// Prefilled implements Observer.
func (m *metrics) Prefilled(model string, tokens int) {
	m.prompt.WithLabelValues(model).Add(float64(tokens))
}

// First implements Observer.
func (m *metrics) First(model string, wait time.Duration) {
	m.firstToken.WithLabelValues(model).Observe(wait.Seconds())
}

// Decoded implements Observer.
func (m *metrics) Decoded(model string, tokens int) {
	m.generated.WithLabelValues(model).Add(float64(tokens))
}

// Finished implements Observer.
func (m *metrics) Finished(model string, r *generate.Result) {
	c := &r.Cost
	m.kvRead.WithLabelValues(model).Add(float64(c.Spatten.KVBytes))
	m.kvDense.WithLabelValues(model).Add(float64(c.DenseFP32.KVBytes))
	m.tokenLayers.WithLabelValues(model).Add(float64(c.TokenLayers))
	m.pruned.WithLabelValues(model).Add(float64(c.DenseTokens - c.TokenLayers))
}
