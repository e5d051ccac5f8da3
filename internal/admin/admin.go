package admin

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says what to serve.
type Config struct {
	// Address is where to listen, host:port.
	Address  string
	Gatherer prometheus.Gatherer
	// Ready returns the reasons why the process is not ready, none if it is.
	Ready func() []string
	// Status is asked for each look at the page. It may ask Kafka, and ends with the context.
	Status func(context.Context) Status
	// Profile serves /debug/pprof/.
	Profile bool
}

// Server is the admin HTTP server.
type Server struct {
	http     *http.Server
	listener net.Listener
}

// Listen opens the address, so that one that is taken is an error at start.
func Listen(cfg Config) (*Server, error) {
	listener, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	return &Server{
		http:     &http.Server{Handler: handler(cfg), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute},
		listener: listener,
	}, nil
}

//go:embed page
var page embed.FS

// assets are the page's parts by path.
var assets = map[string]struct{ file, contentType string }{
	"/{$}":       {"page/index.html", "text/html; charset=utf-8"},
	"/page.js":   {"page/page.js", "text/javascript; charset=utf-8"},
	"/style.css": {"page/style.css", "text/css; charset=utf-8"},
	"/icon.svg":  {"page/icon.svg", "image/svg+xml"},
}

// statusTimeout bounds the making of a status.
const statusTimeout = 10 * time.Second

func handler(cfg Config) http.Handler {
	mux := http.NewServeMux()
	// The process is alive if it answers; never false because Graph or Kafka is down, or it would
	// be restarted for what a restart cannot fix.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		reasons := cfg.Ready()
		code := http.StatusOK
		if len(reasons) > 0 {
			code = http.StatusServiceUnavailable
		}
		writeJSON(w, code, map[string]any{"ready": len(reasons) == 0, "reasons": reasons})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
		defer cancel()
		writeJSON(w, http.StatusOK, cfg.Status(ctx))
	})
	for path, asset := range assets {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", asset.contentType)
			http.ServeFileFS(w, r, page, asset.file)
		})
	}
	if cfg.Profile {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return guarded(mux)
}

// guarded lets a browser load nothing but what this server has, keep nothing and be framed by nobody.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // escapes what HTML would take for itself; who hangs up needs no answer
}

// Address is where the server listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Run serves until the context ends.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.http.Close() })
	defer stop()
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}
