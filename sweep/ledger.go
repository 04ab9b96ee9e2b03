package sweep

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// coordinator is the worker of results that were computed by the coordinator.
const coordinator = "coordinator"

// ledger decides which results are believed. It is rebuilt from the plan and what is stored, and knows nothing else.
type ledger struct {
	plan    *Plan
	index   map[string]int // of a job, by its key in the store
	jobs    []account
	bad     map[string]bool   // workers that were found wrong
	audited map[string]string // job: hash of what was computed here
	left    int               // jobs without a result
	Counts
}

// account is what is known of a job.
type account struct {
	id       string
	key      string
	result   *Result   // that is believed; nil: still wanted
	opinions []opinion // of it, this result's included
	revision uint64    // of the key, the newest
	dirty    bool      // the key holds what cannot be used
	disputed bool      // opinions differ: the job must be computed here
	tries    int       // that it was queued, those for workers that were wrong not counted
}

// opinion is what a worker says of a job.
type opinion struct{ worker, hash string }

// Counts is what was noticed, beside results that were fine.
type Counts struct {
	Duplicates int `json:"duplicates"` // equal results that came later: ignored
	Refused    int `json:"refused"`    // of another version, of another job, or damaged: not used
	Conflicts  int `json:"conflicts"`  // unequal results of a job: settled by computing it here
	Audited    int `json:"audited"`    // results that were computed here too
	Wrong      int `json:"wrong"`      // results that were not what was computed here
	Discarded  int `json:"discarded"`  // results of workers of which one was wrong
}

func newLedger(p *Plan) *ledger {
	l := &ledger{plan: p, index: map[string]int{}, jobs: make([]account, len(p.Jobs)), bad: map[string]bool{}, audited: map[string]string{}, left: len(p.Jobs)}
	for i := range p.Jobs {
		id := p.Jobs[i].ID()
		l.jobs[i] = account{id: id, key: resultKey(p.Version, id)}
		l.index[l.jobs[i].key] = i
	}
	return l
}

// see reads an entry of the store: a key, its revision and its value; nil where the key was emptied. It returns the job that
// it is about, -1 for none of this plan, and what people should know.
func (l *ledger) see(key string, revision uint64, value []byte) (job int, note string) {
	main, second := key, false
	if parts := strings.SplitN(key, ".", 3); len(parts) == 3 {
		main, second = parts[0]+"."+parts[1], true // laid beside the first
	}
	i, ok := l.index[main]
	if !ok {
		return -1, ""
	}
	a := &l.jobs[i]
	if !second {
		a.revision, a.dirty = revision, false
	}
	if value == nil {
		if !second {
			l.drop(i)
		}
		return i, ""
	}
	var r Result
	err := json.Unmarshal(value, &r)
	if err == nil {
		err = r.check(a.id, l.plan.Version)
	}
	if err == nil && !l.bad[r.Worker] {
		return i, l.weigh(i, &r, second)
	}
	if err != nil {
		l.Refused++
		note = fmt.Sprintf("refused a result of job %.12s by %q: %v", a.id, r.Worker, err)
	} else {
		l.Discarded++
		a.tries--
		note = fmt.Sprintf("discarded a result of job %.12s by %s, whose results were wrong", a.id, r.Worker)
	}
	if !second { // it may have been written over a good one, which is given up too
		l.drop(i)
		a.dirty = true
	}
	return i, note
}

// weigh sets a result that could be used beside what is known.
func (l *ledger) weigh(i int, r *Result, second bool) (note string) {
	a := &l.jobs[i]
	switch {
	case r.Worker == coordinator && !second:
		l.drop(i)
	case a.result == nil && second:
		return "" // what it stood beside was discarded
	case a.result == nil:
	case a.result.Hash == r.Hash:
		l.Duplicates++
		a.opinions = append(a.opinions, opinion{r.Worker, r.Hash})
		return fmt.Sprintf("ignored a second, equal result of job %.12s by %s", a.id, r.Worker)
	default:
		l.Conflicts++
		a.disputed = true
		a.opinions = append(a.opinions, opinion{r.Worker, r.Hash})
		return fmt.Sprintf("job %.12s has other values by %s than by %s; it is computed here", a.id, r.Worker, a.result.Worker)
	}
	a.result, a.opinions = r, append(a.opinions, opinion{r.Worker, r.Hash})
	l.left--
	return ""
}

// drop takes a job's result back.
func (l *ledger) drop(i int) {
	a := &l.jobs[i]
	if a.result != nil {
		l.left++
	}
	a.result, a.opinions, a.disputed = nil, nil, false
}

// suspect reports whether a job must be computed here: where opinions differ, and of a share of all jobs.
func (l *ledger) suspect(i int, share float64) bool {
	a := &l.jobs[i]
	return a.disputed || a.result != nil && a.result.Worker != coordinator && chosen(a.id, share) && l.audited[a.id] != a.result.Hash
}

// judge compares what was computed here with what workers say, and returns the workers that are wrong.
func (l *ledger) judge(i int, truth *Result) (wrong []string) {
	a := &l.jobs[i]
	l.Audited++
	l.audited[a.id] = truth.Hash
	a.disputed = false
	for _, o := range a.opinions {
		if o.hash != truth.Hash {
			l.Wrong++
			if !slices.Contains(wrong, o.worker) {
				wrong = append(wrong, o.worker)
			}
		}
	}
	return wrong
}

// distrust takes back every result of a worker, and returns the jobs.
func (l *ledger) distrust(worker string) (jobs []int) {
	l.bad[worker] = true
	for i := range l.jobs {
		if r := l.jobs[i].result; r != nil && r.Worker == worker {
			l.Discarded++
			l.drop(i)
			l.jobs[i].dirty = true
			l.jobs[i].tries--
			jobs = append(jobs, i)
		}
	}
	return jobs
}

// results are all that is believed, by job.
func (l *ledger) results() []*Result {
	out := make([]*Result, len(l.jobs))
	for i := range l.jobs {
		out[i] = l.jobs[i].result
	}
	return out
}
