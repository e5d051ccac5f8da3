package source

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Action is what follows from a failed request.
type Action int

const (
	// Retry asks for the same page again after a backoff.
	Retry Action = iota
	// Hold asks for the same page again once the tenant's gate opens; no one is to blame.
	Hold
	// Restart reads the slice again from its first page, after a backoff.
	Restart
	// Shrink asks for smaller pages and reads the slice again.
	Shrink
	// Park leaves the user alone for growing pauses; the others go on (invariant 8).
	Park
	// StopTenant stops polling for the tenant and tries again slowly (invariant 8).
	StopTenant
)

func (a Action) String() string {
	return [...]string{"retry", "hold", "restart", "shrink", "park", "stop-tenant"}[a]
}

// The reasons an operator is told, in readiness, metrics and log. Match them with errors.Is.
var (
	ErrThrottled    = errors.New("throttled")
	ErrUnavailable  = errors.New("service is unavailable")
	ErrMalformed    = errors.New("malformed response")
	ErrRefusedLink  = errors.New("nextLink refused")
	ErrLinkLoop     = errors.New("nextLink repeats")
	ErrStaleLink    = errors.New("nextLink no longer valid")
	ErrDenied       = errors.New("access denied")
	ErrUnpaid       = errors.New("payment required")
	ErrUnauthorized = errors.New("not authorized")
	ErrUserGone     = errors.New("user not found")
	ErrBadRequest   = errors.New("request refused as invalid")
)

// Error is a request that brought no page. Its text never holds a token, a link's query or anything
// of a message.
type Error struct {
	// Status is the HTTP status, 0 if there was no response.
	Status int
	// Code is Graph's error code, RequestID Graph's own id of the request, for a support case.
	Code, RequestID string
	// RetryAfter is the wait that Graph asked for, 0 if it named none.
	RetryAfter time.Duration
	// Action is what follows, Reason one of the sentinels above.
	Action Action
	Reason error
	// Detail says more, in our own or in Graph's words.
	Detail string
	// Cause is the transport's error, if there was one.
	Cause error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("graph: ")
	b.WriteString(e.Reason.Error())
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request-id %s)", e.RequestID)
	}
	return b.String()
}

func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}

// rule is a row of the table that turns a response into an outcome.
type rule struct {
	status   int
	contains string // in the code or the message, lower case; "" matches all
	action   Action
	reason   error
}

// rules is searched from the top; the first match decides. Classified by status first, because Graph's
// codes differ in spelling between its services. Sources: the error page and the throttling page
// of the Graph documentation, and reports where it is silent.
var rules = []rule{
	{400, "token", Restart, ErrStaleLink},
	{400, "skip", Restart, ErrStaleLink},
	{400, "", Park, ErrBadRequest},
	{401, "", StopTenant, ErrUnauthorized},
	{402, "", StopTenant, ErrUnpaid},
	{403, "missing role", StopTenant, ErrUnauthorized},
	{403, "no authorization information", StopTenant, ErrUnauthorized},
	{403, "", Park, ErrDenied},
	{404, "", Park, ErrUserGone},
	{408, "", Retry, ErrUnavailable},
	{410, "", Restart, ErrStaleLink},
	{412, "", StopTenant, ErrUnauthorized},
	{429, "", Hold, ErrThrottled},
	{504, "", Shrink, ErrUnavailable},
}

// classify fills in action and reason of an answered request.
func classify(e *Error) {
	text := strings.ToLower(e.Code + " " + e.Detail)
	for _, r := range rules {
		if r.status == e.Status && strings.Contains(text, r.contains) {
			e.Action, e.Reason = r.action, r.reason
			return
		}
	}
	switch {
	case e.Status >= 500 && e.RetryAfter > 0:
		e.Action, e.Reason = Hold, ErrUnavailable
	case e.Status >= 500:
		e.Action, e.Reason = Retry, ErrUnavailable
	default:
		e.Action, e.Reason = Park, ErrBadRequest
	}
}
