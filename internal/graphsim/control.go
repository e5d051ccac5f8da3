package graphsim

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// tokenRequest is what POST /_sim/tokens takes.
type tokenRequest struct {
	Roles           []string `json:"roles"`
	Delegated       bool     `json:"delegated"`
	LifetimeSeconds int      `json:"lifetimeSeconds"`
}

// serveControl answers for the simulator itself. It needs no token.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, path string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxControl)
	switch r.Method + " " + path {
	case "GET ledger":
		w.Header().Set("Content-Type", "application/x-ndjson")
		if err := s.WriteLedger(w); err != nil {
			panic(http.ErrAbortHandler) // a ledger that is cut short must not look whole; net/http catches this
		}
	case "GET stats":
		writeJSON(w, http.StatusOK, s.Stats())
	case "GET chats":
		w.Header().Set("Content-Type", "application/x-ndjson")
		e := json.NewEncoder(w)
		for _, c := range s.Chats() {
			if err := e.Encode(c); err != nil {
				return
			}
		}
	case "GET behaviours":
		type state struct {
			Name    string  `json:"name"`
			Summary string  `json:"summary"`
			Rate    float64 `json:"rate"`
			Fixed   bool    `json:"fixed"`
		}
		var list []state
		cfg := *s.settings.Load()
		for _, b := range cfg.behaviours() {
			list = append(list, state{b.name, b.summary, *b.rate, b.fixed()})
		}
		writeJSON(w, http.StatusOK, list)
	case "POST changes":
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
	case "POST settings":
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
	case "POST stop":
		s.StopTraffic()
		w.WriteHeader(http.StatusNoContent)
	case "POST tokens":
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
	case "GET federated-token":
		text, err := s.FederatedToken(r.URL.Query().Get("subject"), r.URL.Query().Get("audience"))
		if err != nil {
			refuseControl(w, http.StatusInternalServerError, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(text))
	default:
		http.NotFound(w, r)
	}
}

func refuseControl(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}
