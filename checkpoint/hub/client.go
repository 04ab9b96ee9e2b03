package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// Limits on what a server may say.
const (
	maxListing   = 64 << 20 // bytes of the description of a model
	maxFiles     = 100_000
	maxRedirects = 10
)

// client speaks to one hub.
type client struct {
	base   *url.URL
	follow *http.Client // follows redirects
	head   *http.Client // stops at the answer that describes a file
}

// newClient returns a client for $HF_ENDPOINT, else huggingface.co, with the token $HF_TOKEN. transport may be nil.
func newClient(transport http.RoundTripper) (*client, error) {
	endpoint := os.Getenv("HF_ENDPOINT")
	if endpoint == "" {
		endpoint = "https://huggingface.co"
	}
	base, err := url.Parse(strings.TrimRight(endpoint, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("HF_ENDPOINT %q is no http(s) address", endpoint)
	}
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableCompression = true // sizes and checksums are those of the file
		t.ResponseHeaderTimeout = 30 * time.Second
		transport = t
	}
	transport = &withToken{transport, base, strings.TrimSpace(os.Getenv("HF_TOKEN"))}
	return &client{
		base:   base,
		follow: &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		head: &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
			// A large file is described by the answer that sends away to another host, a small one by the last answer.
			h := next.Response.Header
			if next.URL.Host != base.Host || h.Get("X-Linked-Etag") != "" && h.Get("X-Linked-Size") != "" {
				return http.ErrUseLastResponse
			}
			return checkRedirect(next, via)
		}},
	}, nil
}

// errRedirect marks redirects that are not followed; trying again would not help.
var errRedirect = errors.New("redirect refused")

func checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("%w: more than %d in a row", errRedirect, maxRedirects)
	}
	if s := next.URL.Scheme; s != "https" && (s != "http" || via[0].URL.Scheme == "https") {
		return fmt.Errorf("%w: from %s to %s", errRedirect, via[0].URL.Scheme, s)
	}
	return nil
}

// withToken adds the token to requests to the hub itself, and to no other host, however they came about.
type withToken struct {
	next  http.RoundTripper
	hub   *url.URL
	token string
}

// RoundTrip implements http.RoundTripper.
func (t *withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	r.Header.Set("User-Agent", "spatten")
	r.Header.Set("Accept-Encoding", "identity")
	if t.token != "" && r.URL.Host == t.hub.Host && r.URL.Scheme == t.hub.Scheme {
		r.Header.Set("Authorization", "Bearer "+t.token)
	}
	return t.next.RoundTrip(r)
}

// request makes a request for a path of the hub, given as unescaped parts.
func (c *client) request(ctx context.Context, method string, parts ...string) (*http.Request, error) {
	for i, p := range parts {
		parts[i] = escape(p)
	}
	return http.NewRequestWithContext(ctx, method, c.base.String()+"/"+strings.Join(parts, "/"), nil)
}

// escape escapes a path, part by part.
func escape(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// files asks for the commit of a model's revision and the names of its files.
func (c *client) files(ctx context.Context, n Name) (commit string, names []string, err error) {
	// The revision is one part of the path: a / in it is escaped.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		c.base.String()+"/api/models/"+escape(n.Repository())+"/revision/"+url.PathEscape(n.Revision), nil)
	if err != nil {
		return "", nil, err
	}
	response, err := c.follow.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", nil, c.refusal(n, response)
	}
	var model struct {
		Commit string `json:"sha"`
		Files  []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	body := &io.LimitedReader{R: response.Body, N: maxListing}
	if err := json.NewDecoder(body).Decode(&model); err != nil {
		if body.N <= 0 {
			return "", nil, permanent{fmt.Errorf("the description of %s is longer than %d bytes", n.Repository(), maxListing)}
		}
		return "", nil, fmt.Errorf("the description of %s: %w", n.Repository(), err)
	}
	if !commitName.MatchString(model.Commit) || len(model.Files) > maxFiles {
		return "", nil, permanent{fmt.Errorf("the description of %s names no commit (%.60q) or too many files (%d)", n.Repository(), model.Commit, len(model.Files))}
	}
	for _, f := range model.Files {
		names = append(names, f.Name)
	}
	return model.Commit, names, nil
}

// file is what the hub says of a file.
type file struct {
	name     string
	checksum string // SHA-256 of the bytes, or SHA-1 of them as a git blob; it names the blob in the cache
	size     int64
}

// checksums are 20 or 32 bytes in hexadecimal; they become file names.
var checksums = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// describe asks for a file's checksum and size.
func (c *client) describe(ctx context.Context, n Name, commit, name string) (file, error) {
	request, err := c.request(ctx, http.MethodHead, n.Repository(), "resolve", commit, name)
	if err != nil {
		return file{}, err
	}
	response, err := c.head.Do(request)
	if err != nil {
		return file{}, err
	}
	response.Body.Close()
	if response.StatusCode >= 400 {
		return file{}, c.refusal(n, response)
	}
	h := response.Header
	f := file{name: name, checksum: h.Get("X-Linked-Etag"), size: response.ContentLength}
	if f.checksum == "" {
		f.checksum = h.Get("ETag")
	} else if _, err := fmt.Sscan(h.Get("X-Linked-Size"), &f.size); err != nil {
		f.size = -1
	}
	f.checksum = strings.Trim(strings.TrimPrefix(f.checksum, "W/"), `"`)
	if !checksums.MatchString(f.checksum) || f.size < 0 {
		return file{}, permanent{fmt.Errorf("%s: the hub gives no checksum (%.80q) or no size for it", name, f.checksum)}
	}
	return f, nil
}

// refusal turns an answer that is an error into one that says what to do.
func (c *client) refusal(n Name, r *http.Response) error {
	code := r.Header.Get("X-Error-Code")
	page := c.base.String() + "/" + n.Repository()
	switch {
	case code == "GatedRepo":
		return permanent{fmt.Errorf("%s is gated: accept its terms at %s and set HF_TOKEN", n.Repository(), page)}
	case code == "RevisionNotFound":
		return permanent{fmt.Errorf("%s has no revision %q", n.Repository(), n.Revision)}
	case code == "EntryNotFound":
		return permanent{fmt.Errorf("%s: no such file", r.Request.URL.Path)}
	}
	status := fmt.Sprintf("%d %s", r.StatusCode, http.StatusText(r.StatusCode))
	err := fmt.Errorf("%s answers %s", r.Request.URL.Host, status)
	ours := r.Request.URL.Host == c.base.Host
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		if ours {
			return permanent{fmt.Errorf("%s answers %s: there is no such model, or it is private and HF_TOKEN is missing or has no access", page, status)}
		}
		return err // the address that the hub gave has expired, perhaps
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return err
	}
	if r.StatusCode < 500 {
		return permanent{err}
	}
	return err
}
