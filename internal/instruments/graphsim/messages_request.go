package graphsim

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultTop = 10
	maxTop     = 1000
)

// messagesRequest is the query of a getAllMessages request, or of a link that continues one.
type messagesRequest struct {
	top      int
	topGiven bool
	filter   string
	win      window
	clauses  *clauseGroup
	token    skipToken
	paged    bool // there was a $skiptoken or $skip
	model    string

	bareLink, skipLink, spaceLink bool // quirks of the link to come
}

// tolerance is what the service takes beyond what is documented.
type tolerance struct {
	skip   bool // $skip, which is in the older form of its own links
	filter bool // one date bound alone, ge and le
}

// parseMessagesQuery reads a query string. Options beside $top and $filter are refused, those without a dollar sign
// are ignored, as OData says.
func parseMessagesQuery(raw string, takes tolerance) (*messagesRequest, *graphError) {
	refuse := func(message string) *graphError {
		e := badRequest
		e.message = message
		return &e
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse("Bad Request - Error in query syntax.")
	}
	req := &messagesRequest{top: defaultTop, win: always}
	for _, name := range slices.Sorted(maps.Keys(values)) { // so that of several faults always the same one is named
		all := values[name]
		if strings.HasPrefix(name, "$") && len(all) > 1 {
			return nil, refuse("Query option '" + name + "' was specified more than once, but it must be specified at most once.")
		}
		value := all[0]
		switch {
		case name == "$top":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return nil, refuse("Invalid value '" + value + "' for $top query option found. The $top query option requires a positive integer value.")
			}
			if n > maxTop {
				return nil, refuse("The limit of '" + strconv.Itoa(maxTop) + "' for Top query has been exceeded. The value from the incoming request is '" + value + "'.")
			}
			req.top, req.topGiven = n, true
		case name == "$filter":
			req.filter = value
		case name == "$skiptoken":
			token, ok := parseSkipToken(value)
			if !ok {
				e := errBadToken
				return nil, &e
			}
			req.token, req.paged = token, true
		case name == "$skip" && takes.skip:
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				return nil, refuse("Invalid value '" + value + "' for $skip query option found.")
			}
			req.token, req.paged = skipToken{offset: n}, true
		case name == "model":
			req.model = value
		case strings.HasPrefix(name, "$"):
			return nil, refuse("Query option '" + name + "' is not allowed. To allow it, set the 'AllowedQueryOptions' property on EnableQueryAttribute or QueryValidationSettings.")
		}
	}
	if req.filter == "" {
		req.filter = req.token.filter
	}
	req.token.filter = ""
	if values.Has("$filter") && req.filter == "" {
		e := errBadFilter
		return nil, &e
	}
	if req.filter != "" {
		if req.win, req.clauses, err = parseFilter(req.filter, takes.filter); err != nil {
			e := errBadFilter
			return nil, &e
		}
	}
	return req, nil
}
