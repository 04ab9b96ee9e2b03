package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Names on the server. Jobs are a work queue with a subject a job; results are keyed by version and job.
const (
	jobStream      = "spatten_jobs"
	jobSubject     = "spatten.job"
	dismissal      = "spatten.dismiss." // and a worker
	resultBucket   = "spatten_results"
	verdictBucket  = "spatten_verdicts"
	sweepBucket    = "spatten_sweeps"
	workerBucket   = "spatten_workers"
	fileBucket     = "spatten_files"
	codeTooMany    = 10077                  // "maximum messages per subject exceeded": the job is queued already
	codeNoCluster  = 10074                  // replicas on a single server
	resultHistory  = 8                      // revisions of a result that are kept, so that one written over is noticed
	deliveries     = 50                     // of a job, before it waits for the coordinator to queue it again
	patience       = 3 * time.Minute        // with a cluster that has no majority
	attempt        = 5 * time.Second        // one request
	fileAttempt    = 5 * time.Minute        // one transfer of a file
	DefaultAckWait = 30 * time.Second       // until a job whose worker is silent goes to another
	retryPause     = 200 * time.Millisecond //
)

// BusOptions say where the servers are.
type BusOptions struct {
	URL      string  // one or more, comma-separated; may hold user and password
	Server   *Server // in this process, in place of URL
	Creds    string  // file with credentials
	Replicas int     // of everything stored; 0: three in a cluster, one on a single server
	AckWait  time.Duration
}

// Bus is a connection to the servers, with the queue and the stores of sweeps. Every operation is tried again while the
// servers elect or restart.
type Bus struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	ackWait time.Duration

	jobs                               jetstream.Stream
	results, verdicts, sweeps, workers jetstream.KeyValue
	files                              jetstream.ObjectStore
}

// Connect opens the stores, and makes those that are missing if create is set; otherwise it waits for them.
func Connect(ctx context.Context, o BusOptions, create bool) (*Bus, error) {
	options := []nats.Option{nats.Name("spatten sweep"), nats.MaxReconnects(-1), nats.ReconnectWait(retryPause), nats.Timeout(attempt), nats.RetryOnFailedConnect(true)}
	if o.Creds != "" {
		options = append(options, nats.UserCredentials(o.Creds))
	}
	if o.Server != nil {
		options = append(options, o.Server.connection())
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("sweep: connect to %s: %w", o.URL, err)
	}
	b := &Bus{conn: conn, ackWait: o.AckWait}
	if b.ackWait == 0 {
		b.ackWait = DefaultAckWait
	}
	if b.js, err = jetstream.New(conn); err == nil {
		if create {
			err = b.create(ctx, o.Replicas)
		} else {
			err = b.open(ctx)
		}
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("sweep: %s: %w", o.URL, err)
	}
	return b, nil
}

// Close ends the connection.
func (b *Bus) Close() { b.conn.Close() }

// create makes what is missing.
func (b *Bus) create(ctx context.Context, replicas int) error {
	n := replicas
	if n == 0 {
		n = 3
	}
	err := b.make(ctx, n)
	var api *jetstream.APIError
	if replicas == 0 && errors.As(err, &api) && api.ErrorCode == codeNoCluster {
		err = b.make(ctx, 1)
	}
	return err
}

// make makes everything with so many replicas.
func (b *Bus) make(ctx context.Context, replicas int) error {
	if err := retry(ctx, func(ctx context.Context) (err error) {
		b.jobs, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: jobStream, Subjects: []string{jobSubject + ".*.*"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
			// A job that is queued cannot be queued again.
			MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, Duplicates: 2 * time.Minute, Replicas: replicas,
		})
		return err
	}); err != nil {
		return err
	}
	for _, kv := range []struct {
		to     *jetstream.KeyValue
		config jetstream.KeyValueConfig
	}{
		{&b.results, jetstream.KeyValueConfig{Bucket: resultBucket, History: resultHistory}},
		{&b.verdicts, jetstream.KeyValueConfig{Bucket: verdictBucket}},
		{&b.sweeps, jetstream.KeyValueConfig{Bucket: sweepBucket}},
		{&b.workers, jetstream.KeyValueConfig{Bucket: workerBucket, Storage: jetstream.MemoryStorage, TTL: time.Hour}},
	} {
		kv.config.Replicas = replicas
		if err := retry(ctx, func(ctx context.Context) (err error) {
			*kv.to, err = b.js.CreateOrUpdateKeyValue(ctx, kv.config)
			return err
		}); err != nil {
			return err
		}
	}
	return retry(ctx, func(ctx context.Context) (err error) {
		b.files, err = b.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: fileBucket, Replicas: replicas})
		return err
	})
}

// open waits until everything is there: a worker may come before the first sweep.
func (b *Bus) open(ctx context.Context) error {
	for {
		err := b.lookUp(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * retryPause):
		}
	}
}

func (b *Bus) lookUp(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	if b.jobs, err = b.js.Stream(ctx, jobStream); err != nil {
		return err
	}
	for name, to := range map[string]*jetstream.KeyValue{resultBucket: &b.results, verdictBucket: &b.verdicts, sweepBucket: &b.sweeps, workerBucket: &b.workers} {
		if *to, err = b.js.KeyValue(ctx, name); err != nil {
			return err
		}
	}
	b.files, err = b.js.ObjectStore(ctx, fileBucket)
	return err
}

// retry does something until it is done, or refused for good, or patience is at its end.
func retry(ctx context.Context, do func(ctx context.Context) error) error {
	return retryWithin(ctx, attempt, do)
}

func retryWithin(ctx context.Context, each time.Duration, do func(ctx context.Context) error) error {
	for start := time.Now(); ; {
		try, cancel := context.WithTimeout(ctx, each)
		err := do(try)
		cancel()
		switch {
		case err == nil || final(err):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(start) > patience:
			return fmt.Errorf("the servers did not answer for %v: %w", patience, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

// final reports whether trying again would be of no use.
func final(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode == codeNoCluster || api.ErrorCode == codeTooMany || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
	}
	for _, e := range []error{jetstream.ErrKeyExists, jetstream.ErrKeyNotFound, jetstream.ErrObjectNotFound, nats.ErrConnectionClosed, nats.ErrAuthorization, nats.ErrMaxPayload} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// versionToken is a version as part of a subject.
func versionToken(version string) string { return hash([]byte(version))[:16] }

func subject(version, id string) string {
	return jobSubject + "." + versionToken(version) + "." + id
}

func resultKey(version, id string) string { return versionToken(version) + "." + id }

// queue puts a job into the queue unless it is there. once names this act: however often it is tried, it happens once.
func (b *Bus) queue(ctx context.Context, j *Job, once string) error {
	msg := &nats.Msg{Subject: subject(j.Version, j.ID()), Data: j.encode()}
	err := retry(ctx, func(ctx context.Context) error {
		_, err := b.js.PublishMsg(ctx, msg, jetstream.WithMsgID(j.ID()+"/"+once))
		return err
	})
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == codeTooMany {
		return nil
	}
	return err
}

// unqueue takes a job out of the queue.
func (b *Bus) unqueue(ctx context.Context, j *Job) error {
	return retry(ctx, func(ctx context.Context) error {
		return b.jobs.Purge(ctx, jetstream.WithPurgeSubject(subject(j.Version, j.ID())))
	})
}

// consumer is what the workers of a version share. It exists from the first that asks for it.
func (b *Bus) consumer(ctx context.Context, version string) (c jetstream.Consumer, err error) {
	token := versionToken(version)
	err = retry(ctx, func(ctx context.Context) error {
		c, err = b.js.CreateOrUpdateConsumer(ctx, jobStream, jetstream.ConsumerConfig{
			Durable: "workers_" + token, Description: version, FilterSubject: jobSubject + "." + token + ".*",
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: b.ackWait, MaxDeliver: deliveries, MaxAckPending: -1,
		})
		return err
	})
	return c, err
}

// put uploads content under its hash unless it is there.
func (b *Bus) put(ctx context.Context, hash string, s source) error {
	return retryWithin(ctx, fileAttempt, func(ctx context.Context) error {
		info, err := b.files.GetInfo(ctx, hash)
		if err == nil && !info.Deleted {
			return nil
		}
		if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
			return err
		}
		r, err := s.open()
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = b.files.Put(ctx, jetstream.ObjectMeta{Name: hash}, r)
		return err
	})
}

// get downloads content. Whoever calls verifies its hash.
func (b *Bus) get(ctx context.Context, hash string, to io.Writer) error {
	r, err := b.files.Get(ctx, hash)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(to, r)
	return err
}

// Fetch is get for a Cache, tried again from the start.
func (b *Bus) Fetch(ctx context.Context, hash string, to io.Writer) error {
	return retryWithin(ctx, fileAttempt, func(ctx context.Context) error {
		if f, ok := to.(interface {
			io.Seeker
			Truncate(size int64) error
		}); ok {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return err
			}
			if err := f.Truncate(0); err != nil {
				return err
			}
		}
		return b.get(ctx, hash, to)
	})
}

// result returns what is stored for a job; nil where nothing is.
func (b *Bus) result(ctx context.Context, version, id string) (*Result, error) {
	var e jetstream.KeyValueEntry
	err := retry(ctx, func(ctx context.Context) (err error) {
		e, err = b.results.Get(ctx, resultKey(version, id))
		return err
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r Result
	if err := json.Unmarshal(e.Value(), &r); err != nil {
		return &Result{}, nil // of nobody: it fits nothing
	}
	return &r, nil
}

// store stores a worker's result, if it is the first of its job. A second one is laid beside the first, and the first returned.
func (b *Bus) store(ctx context.Context, r *Result) (first *Result, err error) {
	value, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	key := resultKey(r.Version, r.Job)
	create := func(key string) error {
		return retry(ctx, func(ctx context.Context) error {
			_, err := b.results.Create(ctx, key, value)
			return err
		})
	}
	if err := create(key); !errors.Is(err, jetstream.ErrKeyExists) {
		return nil, err
	}
	first, err = b.result(ctx, r.Version, r.Job)
	switch {
	case err != nil:
		return nil, err
	case first == nil: // discarded in between
		return nil, create(key)
	case first.Worker == r.Worker && first.Hash == r.Hash:
		return nil, nil // it is this one: an answer was lost
	}
	if err := create(key + "." + r.Worker); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return nil, err
	}
	return first, nil
}

// remember writes a plan down, so that any machine can go on with it.
func (b *Bus) remember(ctx context.Context, p *Plan) error {
	id := p.ID()
	if err := b.put(ctx, id, source{data: p.Encode()}); err != nil {
		return err
	}
	return retry(ctx, func(ctx context.Context) error {
		_, err := b.sweeps.Create(ctx, id, []byte(p.Name))
		if errors.Is(err, jetstream.ErrKeyExists) {
			return nil
		}
		return err
	})
}

// Plan returns a sweep that was started, by the beginning of its id or by its name; of several with that name the newest.
func (b *Bus) Plan(ctx context.Context, name string) (*Plan, error) {
	sweeps, err := b.Sweeps(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sweeps { // the newest first
		if s.Name != name && !(name != "" && strings.HasPrefix(s.ID, name)) && name != "" {
			continue
		}
		var text strings.Builder
		err := retryWithin(ctx, fileAttempt, func(ctx context.Context) error {
			text.Reset()
			return b.get(ctx, s.ID, &text)
		})
		if err != nil {
			return nil, fmt.Errorf("sweep: plan %.12s: %w", s.ID, err)
		}
		if hash([]byte(text.String())) != s.ID {
			return nil, fmt.Errorf("sweep: plan %.12s is damaged; run its grid again", s.ID)
		}
		return DecodePlan([]byte(text.String()))
	}
	if name == "" {
		return nil, errors.New("sweep: no sweep was started here; see 'spatten sweep run'")
	}
	return nil, fmt.Errorf("sweep: no sweep %q was started here; see 'spatten sweep status'", name)
}
