package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// download fetches the files of one commit, one after the other.
type download struct {
	client  *client
	name    Name
	commit  string
	store   store
	locks   string // the folder of lock files, shared with other tools
	options Options

	finished int64 // bytes of the files before this one
	total    int64
}

// errWrong marks bytes that are not those of the file.
var errWrong = errors.New("the bytes that arrived are wrong and were thrown away")

// muchFurther is the progress, in bytes, that earns a broken download new attempts.
const muchFurther = 1 << 20

// fetch puts a file into the store. It reports whether it was there.
func (d *download) fetch(ctx context.Context, f file) (cached bool, err error) {
	defer func() {
		if err == nil {
			d.finished += f.size
			d.progress(f, 0)
		}
	}()
	for _, dir := range []string{d.locks, filepath.Dir(d.store.blob(f.checksum))} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return false, err
		}
	}
	lock := flock.New(filepath.Join(d.locks, f.checksum+".lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return false, fmt.Errorf("waiting for another download of it: %w", err)
	}
	defer lock.Unlock()

	blob := d.store.blob(f.checksum)
	if ok, err := d.have(blob, f); ok || err != nil {
		return ok, err
	}
	part, err := os.OpenFile(blob+".incomplete", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, err
	}
	defer part.Close()
	reached, wrong := int64(0), 0
	err = again(ctx, d.options.Wait, func() (bool, error) {
		size, err := d.attempt(ctx, f, part)
		if errors.Is(err, errWrong) {
			if wrong++; wrong == 2 { // once may be a bad line; twice is what the hub has
				err = permanent{err}
			}
		}
		further := size >= reached+muchFurther
		reached = max(reached, size)
		return further, err
	})
	if err != nil {
		return false, fmt.Errorf("%w; pull again to continue", err)
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return false, err
	}
	return false, os.Rename(part.Name(), blob)
}

// have reports whether the store has the file, of the right size, and of the right content where that is to be checked.
func (d *download) have(blob string, f file) (bool, error) {
	info, err := os.Stat(blob)
	if err != nil || !info.Mode().IsRegular() || info.Size() != f.size {
		return false, nil
	}
	if !d.options.Verify {
		return true, nil
	}
	r, err := os.Open(blob)
	if err != nil {
		return false, err
	}
	defer r.Close()
	h := f.hash()
	if _, err := io.Copy(h, r); err != nil {
		return false, err
	}
	return f.matches(h), nil
}

// attempt continues a file where the last attempt left it, and checks it. It returns the size reached. What is wrong is
// thrown away, so that the next attempt begins anew; what is only short stays.
func (d *download) attempt(ctx context.Context, f file, part *os.File) (int64, error) {
	h := f.hash()
	at, err := resume(part, h, f.size)
	if err != nil {
		return 0, permanent{err}
	}
	if at < f.size {
		at, err = d.receive(ctx, f, part, h, at)
		if err != nil {
			return at, err
		}
	}
	if !f.matches(h) {
		if err := part.Truncate(0); err != nil {
			return 0, permanent{err}
		}
		return 0, fmt.Errorf("%w: their checksum is not %s", errWrong, f.checksum)
	}
	return at, nil
}

// resume feeds what is there to the hash and returns its size, which is where the rest belongs.
func resume(part *os.File, h hash.Hash, size int64) (int64, error) {
	info, err := part.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() > size {
		if err := part.Truncate(0); err != nil {
			return 0, err
		}
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(h, part)
}

// receive asks for the bytes from at on and appends them. It returns the size reached.
func (d *download) receive(ctx context.Context, f file, part *os.File, h hash.Hash, at int64) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := d.client.request(ctx, http.MethodGet, d.name.Repository(), "resolve", d.commit, f.name)
	if err != nil {
		return at, permanent{err}
	}
	if at > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
	}
	idle := time.AfterFunc(d.options.Idle, func() {
		cancel(fmt.Errorf("no byte arrived in %v", d.options.Idle))
	})
	defer idle.Stop()
	response, err := d.client.follow.Do(request)
	if err != nil && ctx.Err() != nil {
		return at, context.Cause(ctx)
	} else if err != nil {
		return at, err
	}
	defer response.Body.Close()
	switch status := response.StatusCode; {
	case status == http.StatusPartialContent && at > 0:
		var first, last, size int64
		if _, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size); err != nil || first != at || size != f.size {
			return 0, startAnew(part, fmt.Errorf("asked for the bytes from %d of %d on, the hub sends %q", at, f.size, response.Header.Get("Content-Range")))
		}
	case status == http.StatusOK:
		if at, err = 0, startAnew(part, nil); err != nil { // the server does not continue files
			return 0, err
		}
		h.Reset()
		f.begin(h)
	case status == http.StatusRequestedRangeNotSatisfiable:
		return 0, startAnew(part, fmt.Errorf("%s cannot continue the file at byte %d", response.Request.URL.Host, at))
	default:
		return at, d.client.refusal(d.name, response)
	}
	// One byte more than wanted is enough to see that there are too many.
	body := io.LimitReader(response.Body, f.size-at+1)
	buffer := make([]byte, 1<<17)
	for {
		n, err := body.Read(buffer)
		idle.Reset(d.options.Idle)
		if at+int64(n) > f.size {
			return 0, startAnew(part, fmt.Errorf("%w: there are more than the %d announced", errWrong, f.size))
		}
		if _, err := part.Write(buffer[:n]); err != nil {
			return at, permanent{err}
		}
		h.Write(buffer[:n])
		at += int64(n)
		d.progress(f, at)
		switch {
		case ctx.Err() != nil:
			return at, context.Cause(ctx)
		case err == io.EOF && at < f.size:
			return at, fmt.Errorf("the connection ended after %d of %d bytes", at, f.size)
		case err == io.EOF:
			return at, nil
		case err != nil:
			return at, fmt.Errorf("the connection broke after %d of %d bytes: %w", at, f.size, err)
		}
	}
}

// startAnew empties a file whose bytes cannot be used, and returns the reason.
func startAnew(part *os.File, reason error) error {
	if err := part.Truncate(0); err != nil {
		return permanent{err}
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return permanent{err}
	}
	return reason
}

func (d *download) progress(f file, at int64) {
	if d.options.Progress != nil {
		d.options.Progress(Progress{File: f.name, Done: d.finished + at, Total: d.total})
	}
}

// hash returns the hash whose sum over the file's bytes is its checksum: SHA-256 for large files, that of a git blob
// for the others.
func (f file) hash() hash.Hash {
	if len(f.checksum) == 2*sha256.Size {
		return sha256.New()
	}
	h := sha1.New()
	f.begin(h)
	return h
}

// begin writes what git hashes before a blob's bytes.
func (f file) begin(h hash.Hash) {
	if len(f.checksum) == 2*sha1.Size {
		fmt.Fprintf(h, "blob %d\x00", f.size)
	}
}

func (f file) matches(h hash.Hash) bool { return hex.EncodeToString(h.Sum(nil)) == f.checksum }
