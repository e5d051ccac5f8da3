package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// RegistryOptions says how the registry is set up. The zero value listens on a free port.
type RegistryOptions struct {
	// Host is the address to listen on; empty means 127.0.0.1.
	Host string
	// Port is the port; 0 means a free one.
	Port int
}

// Registry is a running schema registry. Its schemas live in memory.
type Registry struct {
	fake   *srfake.Registry
	server *http.Server
	url    string
	served chan error
}

// StartRegistry starts a registry that speaks the Confluent REST protocol and returns when it
// listens. The caller closes it.
func StartRegistry(options RegistryOptions) (*Registry, error) {
	if options.Port < 0 || options.Port > 65535 {
		return nil, fmt.Errorf("%w: port %d is not between 0 and 65535", ErrOptions, options.Port)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(options.Host, "127.0.0.1"), strconv.Itoa(options.Port)))
	if err != nil {
		return nil, fmt.Errorf("embedded: start registry: %w", err)
	}
	fake := srfake.NewRegistry()
	r := &Registry{
		fake:   fake,
		server: &http.Server{Handler: fake.Handler(), ReadHeaderTimeout: 10 * time.Second},
		url:    "http://" + listener.Addr().String(),
		served: make(chan error, 1),
	}
	go func() { r.served <- r.server.Serve(listener) }()
	return r, nil
}

// URL returns the registry's root, such as http://127.0.0.1:40123.
func (r *Registry) URL() string { return r.url }

// Fake gives access to the scripting of answers and to seeding schemas.
func (r *Registry) Fake() *srfake.Registry { return r.fake }

// Close stops the registry and cuts the connections that are still open. A second call does nothing.
func (r *Registry) Close() error {
	if err := r.server.Close(); err != nil {
		return fmt.Errorf("embedded: stop registry: %w", err)
	}
	err, open := <-r.served
	if !open {
		return nil
	}
	close(r.served)
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("embedded: registry: %w", err)
	}
	return nil
}
