package graphsim

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// control is one request to the simulator itself. None needs a token.
type control struct {
	method, path, summary string
	serve                 func(*Server, http.ResponseWriter, *http.Request)
}

// controls is the whole interface under /_sim/.
var controls = [...]control{
	{"GET", "ledger", "every version that was shown, to whom and when; one JSON object per line, streamed", (*Server).serveLedger},
	{"GET", "stats", "requests by outcome, early requests, sizes, whether the tenant is quiet", (*Server).serveStats},
	{"GET", "tenant", "addresses, ids, secrets, users, groups and the certificate authority, for clients started elsewhere", (*Server).serveTenant},
	{"GET", "chats", "chats and their members; one JSON object per line", (*Server).serveChats},
	{"GET", "behaviors", "names, summaries and present rates", (*Server).serveBehaviors},
	{"POST", "settings", `{"rates":{"fault-500":0.1},"users":{"<user id>":{"rates":{"fault-hang":1}}}}: changes settings while it runs, for all or for single users`, (*Server).serveSettings},
	{"POST", "changes", `{"do":"edit","chatId":"19:…","id":"…"}: one change of the tenant; do is create, edit, react, unreact, delete, remove or restore`, (*Server).serveChanges},
	{"POST", "stop", "the traffic ends; copies on their way still arrive", (*Server).serveStop},
	{"POST", "tokens", `{"roles":[…],"delegated":false,"lifetimeSeconds":60}: gives out an access token`, (*Server).serveTokens},
	{"GET", "client-certificate", "a certificate registered with the application and its key, in PEM", (*Server).serveClientCertificate},
	{"GET", "federated-token", "an assertion of the trusted cluster, ?subject= and ?audience=", (*Server).serveFederatedToken},
}

// serveControl answers for the simulator itself.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, path string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxControl)
	for _, c := range controls {
		if c.method == r.Method && c.path == path {
			c.serve(s, w, r)
			return
		}
	}
	http.NotFound(w, r)
}

func (s *Server) serveLedger(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := s.WriteLedger(w); err != nil {
		panic(http.ErrAbortHandler) // a ledger that is cut short must not look whole; net/http catches this
	}
}

func (s *Server) serveStats(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Stats())
}

func (s *Server) serveTenant(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"graphEndpoint": s.URL(), "authorityHost": s.AuthorityURL(), "caPem": string(s.caPEM), "tenantId": s.tenantID,
		"clientId": s.clientID, "clientSecret": s.clientSecret, "expiredClientSecret": s.ExpiredClientSecret(),
		"users": s.Users(), "groups": s.Groups(),
	})
}

func (s *Server) serveChats(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	e := json.NewEncoder(w)
	for _, c := range s.Chats() {
		if err := e.Encode(c); err != nil {
			return
		}
	}
}

func (s *Server) serveBehaviors(w http.ResponseWriter, _ *http.Request) {
	type state struct {
		Name    string  `json:"name"`
		Summary string  `json:"summary"`
		Rate    float64 `json:"rate"`
		Fixed   bool    `json:"fixed"`
	}
	var list []state
	cfg := *s.config()
	for _, b := range cfg.behaviors() {
		list = append(list, state{b.name, b.summary, *b.rate, b.fixed()})
	}
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) serveSettings(w http.ResponseWriter, r *http.Request) {
	var change Settings
	err := decode(r.Body, &change)
	if err == nil {
		err = s.Adjust(change)
	}
	if err != nil {
		refuseControl(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) serveChanges(w http.ResponseWriter, r *http.Request) {
	var change Change
	if err := decode(r.Body, &change); err != nil {
		refuseControl(w, http.StatusBadRequest, err)
		return
	}
	changed, err := s.Apply(change)
	switch {
	case errors.Is(err, ErrTooSoon):
		refuseControl(w, http.StatusConflict, err)
	case err != nil:
		refuseControl(w, http.StatusBadRequest, err)
	default:
		writeJSON(w, http.StatusOK, changed)
	}
}

func (s *Server) serveStop(w http.ResponseWriter, _ *http.Request) {
	s.StopTraffic()
	w.WriteHeader(http.StatusNoContent)
}

// tokenRequest is what POST /_sim/tokens takes.
type tokenRequest struct {
	Roles           []string `json:"roles"`
	Delegated       bool     `json:"delegated"`
	LifetimeSeconds int      `json:"lifetimeSeconds"`
}

func (s *Server) serveTokens(w http.ResponseWriter, r *http.Request) {
	var ask tokenRequest
	if err := decode(r.Body, &ask); err != nil {
		refuseControl(w, http.StatusBadRequest, err)
		return
	}
	text, err := s.AccessToken(ask.Roles, ask.Delegated, time.Duration(ask.LifetimeSeconds)*time.Second)
	if err != nil {
		refuseControl(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"access_token": text})
}

func (s *Server) serveClientCertificate(w http.ResponseWriter, _ *http.Request) {
	text, err := s.ClientCertificatePEM()
	writeText(w, "application/x-pem-file", text, err)
}

func (s *Server) serveFederatedToken(w http.ResponseWriter, r *http.Request) {
	text, err := s.FederatedToken(r.URL.Query().Get("subject"), r.URL.Query().Get("audience"))
	writeText(w, "text/plain", []byte(text), err)
}

func writeText(w http.ResponseWriter, contentType string, text []byte, err error) {
	if err != nil {
		refuseControl(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(text)
}

func refuseControl(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}
