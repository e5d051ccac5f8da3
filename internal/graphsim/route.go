package graphsim

import (
	"net/http"
	"strings"
)

// ServeHTTP takes requests to Graph, to the login endpoint and to the simulator itself.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case first == "_sim":
		s.serveControl(w, r, rest)
	case strings.EqualFold(first, "v1.0") || strings.EqualFold(first, "beta"):
		s.serveGraph(w, r, rest)
	case strings.EqualFold(rest, "oauth2/v2.0/token"):
		s.serveToken(w, r, first)
	case strings.EqualFold(rest, "v2.0/.well-known/openid-configuration"):
		s.serveOpenID(w, first)
	default:
		http.NotFound(w, r)
	}
}

// serveControl answers for the simulator itself. It needs no token.
func (s *Server) serveControl(w http.ResponseWriter, r *http.Request, path string) {
	switch {
	case r.Method == http.MethodGet && path == "ledger":
		w.Header().Set("Content-Type", "application/x-ndjson")
		if err := s.WriteLedger(w); err != nil {
			panic(http.ErrAbortHandler) // a ledger that is cut short must not look whole
		}
	case r.Method == http.MethodGet && path == "stats":
		writeJSON(w, http.StatusOK, s.Stats())
	default:
		http.NotFound(w, r)
	}
}

// serveGraph answers a request to Graph, whose path after the version is given.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request, path string) {
	buffer := buffers.Get().(*[]byte)
	x := &exchange{
		s: s, w: w, r: r, at: s.cfg.Now(), dice: s.requestDice(), instance: instanceID(r.UserAgent()), buffer: *buffer,
	}
	defer func() {
		*buffer = x.buffer
		buffers.Put(buffer)
	}()
	x.requestID = newGUID(x.dice.next()).String()
	s.stats.arrived(x.instance, x.at)
	if wait := s.limiter.admit(x.at); wait > 0 {
		x.throttle(wait)
		return
	}
	x.fault = s.cfg.Faults.draw(&x.dice)
	if x.failWithFault() {
		return
	}
	token, refused := s.authorize(x)
	if refused != nil {
		x.fail(*refused)
		return
	}
	x.token = token
	if r.Method != http.MethodGet {
		x.fail(errMethod)
		return
	}
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = strings.TrimSuffix(segments[i], "()")
	}
	collection, key, keyed := keyInParentheses(segments[0])
	if !keyed && len(segments) > 1 {
		key, segments = segments[1], segments[1:]
	}
	if strings.EqualFold(collection, "users") && len(segments) == 3 && strings.EqualFold(segments[1], "chats") && isGetAllMessages(segments[2]) {
		user, ok := s.user(key)
		if !ok {
			x.fail(errNoUser)
			return
		}
		s.getAllMessages(x, user)
		return
	}
	x.fail(errUnsupported)
}

func isGetAllMessages(segment string) bool {
	for _, name := range [...]string{"getAllMessages", "microsoft.graph.getAllMessages", "allMessages"} {
		if strings.EqualFold(segment, name) {
			return true
		}
	}
	return false
}

// keyInParentheses splits users('key'). Without parentheses it returns the segment alone.
func keyInParentheses(segment string) (collection, key string, keyed bool) {
	collection, rest, ok := strings.Cut(segment, "('")
	if !ok || !strings.HasSuffix(rest, "')") {
		return segment, "", false
	}
	return collection, strings.ReplaceAll(strings.TrimSuffix(rest, "')"), "''", "'"), true
}

// user finds a user by id or user principal name, in any case.
func (s *Server) user(key string) (uint32, bool) {
	if id, ok := parseGUID(strings.ToLower(key)); ok {
		user, ok := s.model.byID[id]
		return user, ok
	}
	return parsePrincipalName(key, len(s.model.userIDs))
}
