package graphsim

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The roles that may read users and members, the least one first.
var (
	userReaders   = []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}
	memberReaders = []string{"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}
)

// directoryQuery checks the role and the query of a request to the directory. With a refusal it has answered.
func (x *exchange) directoryQuery(needsAdvanced bool, readers []string) (*directoryQuery, bool) {
	if !slices.ContainsFunc(x.token.roles, func(r string) bool { return slices.Contains(readers, r) }) {
		x.fail(graphError{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."})
		return nil, false
	}
	q, refused := parseDirectoryQuery(x.r, needsAdvanced)
	if refused != nil {
		x.fail(*refused)
		return nil, false
	}
	return q, true
}

func noResource(key string) graphError {
	return graphError{status: http.StatusNotFound, code: "Request_ResourceNotFound", message: "Resource '" + key +
		"' does not exist or one of its queried reference-property objects are not present."}
}

// getUser answers GET /users/{id}.
func (s *Server) getUser(x *exchange, key string) {
	q, ok := x.directoryQuery(false, userReaders)
	if !ok {
		return
	}
	user, ok := s.user(key)
	if !ok || !s.listed(user) {
		x.fail(noResource(key))
		return
	}
	x.buffer = s.appendUser(x.buffer[:0], s.account(user), q.selected, `"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users/$entity",`)
	x.send(http.StatusOK, jsonType, x.buffer)
}

// listUsers answers GET /users.
func (s *Server) listUsers(x *exchange) {
	if q, ok := x.directoryQuery(false, userReaders); ok {
		s.list(x, q, listing{kind: "users", path: "/users", cost: "2", among: s.listed})
	}
}

// listDeletedUsers answers GET /directory/deletedItems/microsoft.graph.user: the users whose messages can still be
// exported.
func (s *Server) listDeletedUsers(x *exchange) {
	q, ok := x.directoryQuery(false, userReaders)
	if !ok {
		return
	}
	now := s.graphNow()
	s.list(x, q, listing{kind: "users", path: "/directory/deletedItems/microsoft.graph.user", cost: "2", among: func(user uint32) bool {
		at, removed := s.removed.Load(user)
		return removed && now.Sub(at.(time.Time)) < mailboxOutlives
	}})
}

// listMembers answers GET /groups/{id}/transitiveMembers, with or without the cast to users. A cast makes any query an
// advanced one.
func (s *Server) listMembers(x *exchange, groupID, verb string, cast bool) {
	q, ok := x.directoryQuery(cast, memberReaders)
	if !ok {
		return
	}
	group, ok := s.group(groupID)
	if !ok {
		x.fail(noResource(groupID))
		return
	}
	l := listing{
		kind: "directoryObjects", path: "/groups/" + groupID + "/" + verb, cost: "5", first: `"@odata.type":"#microsoft.graph.user",`,
		among: func(user uint32) bool { return s.listed(user) && s.isMember(group, user) },
	}
	if cast {
		l.kind, l.path, l.first = "users", l.path+"/microsoft.graph.user", ""
	}
	s.list(x, q, l)
}

// listing is what the listings of users differ in.
type listing struct {
	kind  string                 // of the objects, in @odata.context
	path  string                 // under the version, for links
	cost  string                 // in resource units
	first string                 // comes before the properties of each user
	among func(user uint32) bool // who is listed
}

// list writes one page of a listing.
func (s *Server) list(x *exchange, q *directoryQuery, l listing) {
	var matching []account
	for user := range uint32(len(s.model.userIDs)) {
		if a := s.account(user); l.among(user) && !slices.ContainsFunc(q.filters, func(f func(account) bool) bool { return !f(a) }) {
			matching = append(matching, a)
		}
	}
	x.w.Header().Set("x-ms-resource-unit", l.cost)
	body := append(x.buffer[:0], `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#`...)
	body = append(body, l.kind...)
	body = append(body, '"')
	if q.advanced && q.offset == 0 { // on the first page only
		body = append(body, `,"@odata.count":`...)
		body = strconv.AppendInt(body, int64(len(matching)), 10)
	}
	start := min(q.offset, len(matching))
	end := min(start+q.top, len(matching))
	if end < len(matching) {
		q.raw.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(directoryTokenMark+strconv.Itoa(end))))
		body = append(body, `,"@odata.nextLink":`...)
		body = appendString(body, s.url+"/v1.0"+l.path+"?"+strings.ReplaceAll(q.raw.Encode(), "%24", "$"), false)
	}
	body = append(body, `,"value":[`...)
	for i, a := range matching[start:end] {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.appendUser(body, a, q.selected, l.first)
	}
	body = append(body, `]}`...)
	x.buffer = body
	x.send(http.StatusOK, jsonType, body)
}

// Groups lists the ids of the directory's groups.
func (s *Server) Groups() []string {
	ids := make([]string, s.cfg.Groups)
	for i := range ids {
		ids[i] = newGUID(s.cfg.Seed, purposeGroup, uint64(i)).String()
	}
	return ids
}

func (s *Server) group(id string) (uint32, bool) {
	for i := range s.cfg.Groups {
		if strings.EqualFold(id, newGUID(s.cfg.Seed, purposeGroup, uint64(i)).String()) {
			return uint32(i), true
		}
	}
	return 0, false
}

// isMember: the first group holds about half of the users, each further one half as many.
func (s *Server) isMember(group, user uint32) bool {
	h := mix(s.cfg.Seed, purposeGroup, uint64(group), uint64(user), 1)
	return h<<(63-min(group, 62)) == 0
}

// listed says whether listings show a user; Change can take one out of them.
func (s *Server) listed(user uint32) bool {
	_, removed := s.removed.Load(user)
	return !removed
}
