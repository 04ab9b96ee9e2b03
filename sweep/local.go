package sweep

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Local computes a plan in this process, some jobs at a time, without any server.
func Local(ctx context.Context, p *Plan, cacheDir string, workers int, progress func(done, total int)) ([]*Result, error) {
	cache, err := NewCache(cacheDir, p.copyFrom)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]*Result, len(p.Jobs))
	var next atomic.Int64
	var mu sync.Mutex
	done := 0
	var group sync.WaitGroup
	for range max(1, workers) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(p.Jobs) {
					return
				}
				r, err := compute(ctx, &p.Jobs[i], cache)
				if err != nil {
					cancel(fmt.Errorf("sweep: job %.12s: %w", p.Jobs[i].ID(), err))
					return
				}
				results[i] = r
				mu.Lock()
				if done++; progress != nil {
					progress(done, len(p.Jobs))
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return results, context.Cause(ctx)
}
