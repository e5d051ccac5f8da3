package graphsim

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultDirectoryPage = 100
	maxDirectoryPage     = 999
	directoryTokenMark   = "directory:" // before the offset in a $skiptoken
)

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

// parseDirectoryQuery reads $top, $select, $filter, $count and $skiptoken. needsAdvanced says that the path takes
// advanced queries only.
func parseDirectoryQuery(r *http.Request, needsAdvanced bool) (*directoryQuery, *graphError) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, directoryRefusal("BadRequest", "Bad Request - Error in query syntax.")
	}
	q := &directoryQuery{top: defaultDirectoryPage, raw: values}
	q.advanced = strings.EqualFold(r.Header.Get("ConsistencyLevel"), "eventual") && values.Get("$count") == "true"
	for _, name := range slices.Sorted(maps.Keys(values)) { // so that of several faults always the same one is named
		value := values.Get(name)
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
			digits, ok := strings.CutPrefix(string(text), directoryTokenMark)
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
