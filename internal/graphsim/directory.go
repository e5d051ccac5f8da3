package graphsim

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultDirectoryPage = 100
	maxDirectoryPage     = 999
	// teamsPlan is the service plan TEAMS1.
	teamsPlan = "57ff2da0-773e-42df-b2af-ffb7a2317929"
)

// principalName is the userPrincipalName of a user.
func principalName(user uint32) string {
	return "user" + strconv.FormatUint(uint64(user)+1, 10) + "@" + tenantName
}

func parsePrincipalName(name string, users int) (uint32, bool) {
	local, domain, _ := strings.Cut(strings.ToLower(name), "@")
	digits, ok := strings.CutPrefix(local, "user")
	if !ok || domain != tenantName {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n < 1 || n > uint64(users) || digits[0] == '0' {
		return 0, false
	}
	return uint32(n - 1), true
}

// account is what the directory knows of a user.
type account struct {
	user                    uint32
	enabled, guest, planned bool
}

func (s *Server) account(user uint32) account {
	lot := func(purpose uint64) float64 { return toUnit(mix(s.cfg.Seed, purposeAccount, uint64(user), purpose)) }
	p := &s.cfg.Directory
	return account{user: user, enabled: lot(1) >= p.Disabled, guest: lot(2) < p.Guests, planned: lot(3) >= p.NoPlan}
}

func (a account) userType() string {
	if a.guest {
		return "Guest"
	}
	return "Member"
}

// directoryQuery is the query of a listing of users or members.
type directoryQuery struct {
	top      int
	offset   int
	selected []string
	filters  []func(account) bool
	advanced bool // the client asked for an advanced query: ConsistencyLevel: eventual and $count=true
	raw      url.Values
}

func directoryRefusal(code, message string) *graphError {
	return &graphError{status: http.StatusBadRequest, code: code, message: message}
}

var errUnsupportedQuery = directoryRefusal("Request_UnsupportedQuery", "Unsupported Query.")

// parseDirectoryQuery reads $top, $select, $filter, $count and $skiptoken; cast says that the path has an OData cast,
// which makes any query of it an advanced one.
func parseDirectoryQuery(r *http.Request, cast bool) (*directoryQuery, *graphError) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, directoryRefusal("BadRequest", "Bad Request - Error in query syntax.")
	}
	q := &directoryQuery{top: defaultDirectoryPage, raw: values}
	q.advanced = strings.EqualFold(r.Header.Get("ConsistencyLevel"), "eventual") && values.Get("$count") == "true"
	needsAdvanced := cast
	for name, all := range values {
		value := all[0]
		switch name {
		case "$top":
			if q.top, err = strconv.Atoi(value); err != nil || q.top < 1 || q.top > maxDirectoryPage {
				return nil, directoryRefusal("Request_UnsupportedQuery", "Invalid page size specified: '"+value+"'. Must be between 1 and 999 inclusive.")
			}
		case "$select":
			for property := range strings.SplitSeq(value, ",") {
				property = strings.TrimSpace(property)
				if !slices.Contains(userProperties[:], property) {
					return nil, directoryRefusal("BadRequest", "Could not find a property named '"+property+"' on type 'microsoft.graph.user'.")
				}
				q.selected = append(q.selected, property)
			}
		case "$filter":
			for clause := range splitAnd(value) {
				matches, advanced, ok := parseUserClause(clause)
				if !ok {
					return nil, directoryRefusal("Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified for property.")
				}
				needsAdvanced = needsAdvanced || advanced
				q.filters = append(q.filters, matches)
			}
		case "$count":
			if value != "true" && value != "false" {
				return nil, directoryRefusal("BadRequest", "Invalid value for $count.")
			}
		case "$skiptoken":
			text, err := base64.RawURLEncoding.DecodeString(value)
			digits, ok := strings.CutPrefix(string(text), "directory:")
			if q.offset, _ = strconv.Atoi(digits); err != nil || !ok || q.offset < 1 {
				return nil, directoryRefusal("Directory_ExpiredPageToken", "The specified page token value has expired and can no longer be included in your request.")
			}
		default:
			if strings.HasPrefix(name, "$") {
				return nil, errUnsupportedQuery
			}
		}
	}
	if needsAdvanced && !q.advanced {
		return nil, errUnsupportedQuery
	}
	return q, nil
}

// splitAnd yields the parts of a filter that are joined by "and" outside of parentheses.
func splitAnd(filter string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		depth, start := 0, 0
		for i := range len(filter) {
			switch filter[i] {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 && strings.HasPrefix(filter[i:], " and ") {
				if !yield(filter[start:i]) {
					return
				}
				start = i + len(" and ")
			}
		}
		yield(filter[min(start, len(filter)):])
	}
}

// parseUserClause reads one clause; advanced says that it works in advanced queries only.
func parseUserClause(clause string) (matches func(account) bool, advanced, ok bool) {
	switch strings.Join(strings.Fields(clause), " ") {
	case "accountEnabled eq true":
		return func(a account) bool { return a.enabled }, false, true
	case "accountEnabled eq false":
		return func(a account) bool { return !a.enabled }, false, true
	case "accountEnabled ne true":
		return func(a account) bool { return !a.enabled }, true, true
	case "accountEnabled ne false":
		return func(a account) bool { return a.enabled }, true, true
	case "userType eq 'Member'":
		return func(a account) bool { return !a.guest }, false, true
	case "userType eq 'Guest'":
		return func(a account) bool { return a.guest }, false, true
	case "userType ne 'Guest'":
		return func(a account) bool { return !a.guest }, true, true
	case "assignedPlans/any(p:p/servicePlanId eq " + teamsPlan + " and p/capabilityStatus eq 'Enabled')":
		return func(a account) bool { return a.planned }, true, true
	default:
		return nil, false, false
	}
}

// The properties of a user: first the eleven that come without $select.
var userProperties = [...]string{
	"businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage",
	"surname", "userPrincipalName", "id", "accountEnabled", "userType", "assignedPlans", "assignedLicenses",
}

const defaultUserProperties = 11

func (s *Server) appendUser(b []byte, a account, selected []string, typed bool) []byte {
	if selected == nil {
		selected = userProperties[:defaultUserProperties]
	}
	b = append(b, '{')
	if typed {
		b = append(b, `"@odata.type":"#microsoft.graph.user",`...)
	}
	name := displayName(a.user)
	given, family, _ := strings.Cut(name, " ")
	for i, property := range selected {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, property, false)
		b = append(b, ':')
		switch property {
		case "id":
			b = appendString(b, s.model.userIDs[a.user].String(), false)
		case "displayName":
			b = appendString(b, name, false)
		case "givenName":
			b = appendString(b, given, false)
		case "surname":
			b = appendString(b, family, false)
		case "userPrincipalName", "mail":
			b = appendString(b, principalName(a.user), false)
		case "preferredLanguage":
			b = append(b, `"en-US"`...)
		case "businessPhones", "assignedLicenses":
			b = append(b, `[]`...)
		case "accountEnabled":
			b = strconv.AppendBool(b, a.enabled)
		case "userType":
			b = appendString(b, a.userType(), false)
		case "assignedPlans":
			b = append(b, '[')
			if a.planned {
				b = append(b, `{"assignedDateTime":"2024-01-01T00:00:00Z","capabilityStatus":"Enabled","service":"TeamspaceAPI","servicePlanId":"`+teamsPlan+`"}`...)
			}
			b = append(b, ']')
		default:
			b = append(b, `null`...)
		}
	}
	return append(b, '}')
}

// listUsers answers GET /users.
func (s *Server) listUsers(x *exchange) {
	if refused := directoryRole(x.token, "User.Read.All", "User.ReadWrite.All", "Directory.Read.All"); refused != nil {
		x.fail(*refused)
		return
	}
	q, refused := parseDirectoryQuery(x.r, false)
	if refused != nil {
		x.fail(*refused)
		return
	}
	x.w.Header().Set("x-ms-resource-unit", "2")
	s.list(x, q, "users", "/users", false, func(uint32) bool { return true })
}

// getUser answers GET /users/{id}.
func (s *Server) getUser(x *exchange, key string) {
	if refused := directoryRole(x.token, "User.Read.All", "User.ReadWrite.All", "Directory.Read.All"); refused != nil {
		x.fail(*refused)
		return
	}
	q, refused := parseDirectoryQuery(x.r, false)
	if refused != nil {
		x.fail(*refused)
		return
	}
	user, ok := s.user(key)
	if !ok || !s.listed(user) {
		x.fail(noResource(key))
		return
	}
	body := s.appendUser(x.buffer[:0], s.account(user), q.selected, false)
	x.buffer = append(append(body[:0:0], `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users/$entity",`...), body[1:]...)
	x.send(http.StatusOK, jsonType, x.buffer)
}

func noResource(key string) graphError {
	return graphError{status: http.StatusNotFound, code: "Request_ResourceNotFound", message: "Resource '" + key +
		"' does not exist or one of its queried reference-property objects are not present."}
}

// listMembers answers GET /groups/{id}/transitiveMembers, with or without the cast to users.
func (s *Server) listMembers(x *exchange, groupID, verb string, cast bool) {
	if refused := directoryRole(x.token, "GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"); refused != nil {
		x.fail(*refused)
		return
	}
	group, ok := s.group(groupID)
	if !ok {
		x.fail(noResource(groupID))
		return
	}
	q, refused := parseDirectoryQuery(x.r, cast)
	if refused != nil {
		x.fail(*refused)
		return
	}
	x.w.Header().Set("x-ms-resource-unit", "5")
	kind, path := "directoryObjects", "/groups/"+groupID+"/"+verb
	if cast {
		kind, path = "users", path+"/microsoft.graph.user"
	}
	s.list(x, q, kind, path, !cast, func(user uint32) bool { return s.isMember(group, user) })
}

// list writes one page of users.
func (s *Server) list(x *exchange, q *directoryQuery, kind, path string, typed bool, among func(uint32) bool) {
	body := append(x.buffer[:0], `{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#`...)
	body = append(body, kind...)
	body = append(body, '"')
	var matching []account
	for user := range uint32(len(s.model.userIDs)) {
		if a := s.account(user); s.listed(user) && among(user) && !slices.ContainsFunc(q.filters, func(f func(account) bool) bool { return !f(a) }) {
			matching = append(matching, a)
		}
	}
	if q.advanced && q.offset == 0 { // on the first page only
		body = append(body, `,"@odata.count":`...)
		body = strconv.AppendInt(body, int64(len(matching)), 10)
	}
	start := min(q.offset, len(matching))
	end := min(start+q.top, len(matching))
	if end < len(matching) {
		q.raw.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte("directory:"+strconv.Itoa(end))))
		body = append(body, `,"@odata.nextLink":`...)
		body = appendString(body, s.url+"/v1.0"+path+"?"+strings.ReplaceAll(q.raw.Encode(), "%24", "$"), false)
	}
	body = append(body, `,"value":[`...)
	for i, a := range matching[start:end] {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.appendUser(body, a, q.selected, typed)
	}
	body = append(body, `]}`...)
	x.buffer = body
	x.send(http.StatusOK, jsonType, body)
}

// directoryRole refuses in the words of the directory.
func directoryRole(token accessToken, needed ...string) *graphError {
	if slices.ContainsFunc(token.roles, func(r string) bool { return slices.Contains(needed, r) }) {
		return nil
	}
	return &graphError{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."}
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
