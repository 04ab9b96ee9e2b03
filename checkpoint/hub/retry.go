package hub

import (
	"context"
	"errors"
	"time"
)

// permanent marks an error that trying again does not mend.
type permanent struct{ error }

// Unwrap returns the error itself.
func (p permanent) Unwrap() error { return p.error }

// attempts is how often in a row something may fail.
const attempts = 5

// again calls try until it succeeds, fails for good, or has failed attempts times without getting further; it waits
// between calls, twice as long each time. try says whether it got further than before.
func again(ctx context.Context, wait time.Duration, try func() (further bool, err error)) error {
	for failed := 0; ; {
		further, err := try()
		var p permanent
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &p) || errors.Is(err, errRedirect):
			return err
		case further:
			failed = 0
		}
		if failed++; failed == attempts {
			return err
		}
		select {
		case <-time.After(wait << (failed - 1)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
