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
	case strings.EqualFold(first, "v1.0"):
		s.serveGraph(w, r, rest)
	case strings.EqualFold(rest, "oauth2/v2.0/token"):
		s.serveToken(w, r, first)
	case strings.EqualFold(rest, "v2.0/.well-known/openid-configuration"):
		s.serveOpenID(w, first)
	default:
		http.NotFound(w, r)
	}
}

// serveGraph answers a request to Graph, whose path after the version is given.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request, path string) {
	buffer := buffers.Get().(*[]byte)
	x := &exchange{
		s: s, state: s.settings.Load(), w: w, r: r, at: s.cfg.Now(), dice: s.requestDice(), instance: instanceID(r.UserAgent()),
		buffer: *buffer,
	}
	x.cfg = &x.state.cfg
	defer func() {
		*buffer = x.buffer
		buffers.Put(buffer)
	}()
	x.requestID = newGUID(x.dice.next()).String()
	s.stats.arrived(x.instance, x.at)
	answer, teams := s.route(x, path)
	if teams { // the limits are those of the Teams API; the directory has its own
		if wait := s.limiter.admit(x.at); wait > 0 {
			x.throttle(wait)
			return
		}
	}
	x.fault = x.cfg.Faults.draw(&x.dice)
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
	if !x.waitIfHanging() {
		panic(http.ErrAbortHandler) // the client has gone; net/http catches this
	}
	answer()
}

// route finds what answers a path; teams says that it belongs to the Teams API.
func (s *Server) route(x *exchange, path string) (answer func(), teams bool) {
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i := range segments {
		segments[i] = strings.TrimSuffix(segments[i], "()")
	}
	if collection, key, keyed := keyInParentheses(segments[0]); keyed {
		segments = append([]string{collection, key}, segments[1:]...)
	}
	is := func(i int, names ...string) bool {
		for _, name := range names {
			if i < len(segments) && strings.EqualFold(segments[i], name) {
				return true
			}
		}
		return false
	}
	const messages, cast = "getAllMessages", "microsoft.graph."
	switch n := len(segments); {
	case n == 4 && is(0, "users") && is(2, "chats") && is(3, messages, cast+messages, "allMessages"):
		x.concerns(segments[1])
		return func() { s.getAllMessages(x, segments[1]) }, true
	case n == 3 && is(0, "me") && is(1, "chats") && is(2, messages, cast+messages):
		return func() { x.fail(errDelegated) }, true
	case n == 1 && is(0, "users"):
		return func() { s.listUsers(x) }, false
	case n == 2 && is(0, "users"):
		return func() { s.getUser(x, segments[1]) }, false
	case n == 3 && is(0, "directory") && is(1, "deletedItems") && is(2, cast+"user"):
		return func() { s.listDeletedUsers(x) }, false
	case n == 3 && is(0, "groups") && is(2, "transitiveMembers", "members"):
		return func() { s.listMembers(x, segments[1], segments[2], false) }, false
	case n == 4 && is(0, "groups") && is(2, "transitiveMembers", "members") && is(3, cast+"user"):
		return func() { s.listMembers(x, segments[1], segments[2], true) }, false
	default:
		return func() { x.fail(errUnsupported) }, true
	}
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
