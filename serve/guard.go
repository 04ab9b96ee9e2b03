package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"spatten/serve/openai"
)

// guard lets through only requests that are meant for this server: their Host and Origin are ones it is known by (a web page
// elsewhere could otherwise reach it through a name that resolves to this machine), and their API key is one of its keys.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) {
			openai.Problem(http.StatusForbidden, "invalid_request_error", "unknown_host", "this server is not known as %.100q; allow the name with --host", r.Host).Write(w)
			return
		}
		if o := r.Header.Get("Origin"); o != "" && !s.knownOrigin(o) {
			openai.Problem(http.StatusForbidden, "invalid_request_error", "unknown_origin", "pages from %.100q may not use this server; allow them with --origin", o).Write(w)
			return
		}
		if len(s.keys) > 0 && strings.HasPrefix(r.URL.Path, "/v1/") && !s.knownKey(r.Header.Get("Authorization")) {
			openai.Problem(http.StatusUnauthorized, "invalid_request_error", "invalid_api_key", "the request carries no valid API key; send it as: Authorization: Bearer KEY").Write(w)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// knownHost reports whether a Host header names this server.
func (s *Server) knownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if slices.Contains(s.config.Hosts, name) {
		return true
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && (ip.IsLoopback() || s.config.listensOn(ip))
}

// knownOrigin reports whether a page from origin may call.
func (s *Server) knownOrigin(origin string) bool {
	if slices.Contains(s.config.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && s.knownHost(u.Host)
}

// knownKey compares in constant time, whatever the key's length.
func (s *Server) knownKey(header string) bool {
	token, ok := strings.CutPrefix(header, "Bearer ")
	sum := sha256.Sum256([]byte(token))
	found := 0
	for _, k := range s.keys {
		found |= subtle.ConstantTimeCompare(sum[:], k[:])
	}
	return ok && found == 1
}
