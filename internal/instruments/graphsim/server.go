package graphsim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a running simulator. Its methods may be called from any goroutine.
type Server struct {
	cfg          Config // as it was at the start
	settings     atomic.Pointer[state]
	model        *model
	renderer     renderer
	items        *itemCache
	stats        *counters
	limiter      *limiter
	tokens       *tokens
	signingKey   *ecdsa.PrivateKey
	certificate  clientCertificate
	url          string
	tenantID     string
	clientID     string
	clientSecret string
	caPEM        []byte
	requests     atomic.Uint64
	removed      sync.Map     // deleted users, and when: uint32 to time.Time
	evaluated    atomic.Int64 // messages sent, for the evaluation mode of the metered years

	http   *http.Server
	served sync.WaitGroup
	closed chan struct{} // nil without a network, so that nothing in a bubble waits for a channel from outside
	close  sync.Once
}

// New makes the tenant without a network: requests reach it through Transport or ServeHTTP. It opens no socket and starts no
// goroutine, so a server that is made inside a testing/synctest bubble lives entirely in that bubble's time. The errors are
// those of Config.Validate.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := newServer(cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	host := s.cfg.Host
	if host == "" {
		host = "graph.simulated.invalid"
	}
	s.furnish("https://" + host)
	return s, nil
}

// Start makes the tenant and serves it over HTTPS until Close. The errors are those of Config.Validate, and others about the
// address and the folder.
func Start(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := newServer(cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	return s, nil
}

// newServer makes a server that has neither a URL nor a tenant yet; furnish adds them.
func newServer(cfg Config) (*Server, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("graphsim: make a key for tokens: %w", err)
	}
	s := &Server{
		cfg: cfg, items: newItemCache(cfg.CacheBytes), stats: newCounters(), limiter: newLimiter(cfg.Limits),
		tokens:       &tokens{given: map[string]*accessToken{}},
		signingKey:   key,
		tenantID:     newGUID(cfg.Seed, purposeTenant).String(),
		clientID:     newGUID(cfg.Seed, purposeClient).String(),
		clientSecret: "sim~" + newGUID(cfg.Seed, purposeSecret).String(),
	}
	s.settings.Store(&state{cfg: cfg})
	return s, nil
}

// furnish gives the server its root URL, and its tenant as of now.
func (s *Server) furnish(url string) {
	s.url = url
	s.model = newModel(s.cfg, s.graphMillis())
	s.renderer = renderer{cfg: &s.cfg, userIDs: s.model.userIDs}
}

// listen opens the server's address and serves it.
func (s *Server) listen() error {
	host, _, err := net.SplitHostPort(s.cfg.Address)
	if err != nil {
		return fmt.Errorf("graphsim: address %q: %w", s.cfg.Address, err)
	}
	if s.cfg.Host != "" {
		host = s.cfg.Host
	}
	certificate, caPEM, err := newCertificate(host)
	if err != nil {
		return err
	}
	s.caPEM = caPEM
	if s.cfg.Dir != "" {
		if err := os.WriteFile(filepath.Join(s.cfg.Dir, "ca.pem"), caPEM, 0o644); err != nil {
			return fmt.Errorf("graphsim: write the certificate authority, for which Dir must exist: %w", err)
		}
	}
	listener, err := net.Listen("tcp", s.cfg.Address)
	if err != nil {
		return fmt.Errorf("graphsim: listen: %w", err)
	}
	s.furnish("https://" + reachable(listener.Addr(), host))
	s.http = &http.Server{
		Handler:           s,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that hang up are no news
	}
	s.closed = make(chan struct{})
	s.served.Go(func() {
		// ServeTLS returns ErrServerClosed after Close; any other error shows in every later request.
		_ = s.http.ServeTLS(listener, "", "")
	})
	return nil
}

// reachable returns the address that a client on this machine can use.
func reachable(addr net.Addr, host string) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String()
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, fmt.Sprint(tcp.Port))
}

// Close stops serving and waits until the requests under way have ended. Without a network it does nothing.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	s.close.Do(func() { close(s.closed) })
	err := s.http.Close()
	s.served.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("graphsim: close: %w", err)
	}
	return nil
}

// URL is the root of Graph without a version, such as https://127.0.0.1:1234.
func (s *Server) URL() string { return s.url }

// AuthorityURL is the login root, for AZURE_AUTHORITY_HOST. It is the same origin as URL.
func (s *Server) AuthorityURL() string { return s.url }

// CAPEM is the certificate authority to trust, in PEM.
func (s *Server) CAPEM() []byte { return append([]byte(nil), s.caPEM...) }

// TenantID is the tenant's id.
func (s *Server) TenantID() string { return s.tenantID }

// ClientID is the id of the one registered application.
func (s *Server) ClientID() string { return s.clientID }

// ClientSecret is the application's secret.
func (s *Server) ClientSecret() string { return s.clientSecret }

// ExpiredClientSecret is a secret the application had; it is refused as expired.
func (s *Server) ExpiredClientSecret() string { return "expired~" + s.clientSecret }

// Users lists the ids of all users of the tenant.
func (s *Server) Users() []string {
	ids := make([]string, len(s.model.userIDs))
	for i, id := range s.model.userIDs {
		ids[i] = id.String()
	}
	return ids
}

// StopTraffic ends all changes but those that were asked for. Copies still on their way become visible in their time.
func (s *Server) StopTraffic() {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(s.graphMillis())
	m.stopped = true
}

// Quiet says that the traffic has stopped and every copy is visible: what Graph shows will not change any more.
func (s *Server) Quiet() bool {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(s.graphMillis())
	_, settled := m.quietAt()
	return settled && len(m.pending) == 0
}

// QuietAt is when the last copy that is on its way becomes visible, by Config.Now. It moves until the traffic
// ends.
func (s *Server) QuietAt() time.Time {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	m.advance(s.graphMillis())
	at, _ := m.quietAt()
	return time.UnixMilli(at).Add(-s.config().DateSkew)
}

// graphNow returns the time by Graph's clock.
func (s *Server) graphNow() time.Time { return s.cfg.Now().Add(s.config().DateSkew) }

func (s *Server) graphMillis() int64 { return s.graphNow().UnixMilli() }

// requestDice is a stream of numbers for one request.
func (s *Server) requestDice() dice {
	return dice{mix(s.cfg.Seed, purposeRequest, s.requests.Add(1))}
}
