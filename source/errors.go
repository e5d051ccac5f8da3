package source

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:generate go run ../internal/generate/errortable ../docs/errors.md

// Action is what follows from a failed request.
type Action int

const (
	// Retry asks for the same page again. After several failures in a row it asks for a shorter slice
	// with smaller pages.
	Retry Action = iota
	// Hold asks for the same page again once the tenant's gate opens; no user is to blame.
	Hold
	// Restart does what Retry does, for a failure that concerns one user alone, such as a stale link.
	Restart
	// Shrink does what Retry does, for a failure that smaller pages are known to fix.
	Shrink
	// Suspend leaves the user alone for growing pauses; the others are polled (invariant 8).
	Suspend
	// StopTenant stops polling for the tenant and tries again slowly, once it is certain that the
	// failure is the tenant's and not one user's (invariant 8).
	StopTenant
)

func (a Action) String() string {
	return [...]string{"retry", "hold", "restart", "shrink", "suspend", "stop-tenant"}[a]
}

// The reasons that readiness, metrics and log show. Match them with errors.Is.
var (
	ErrThrottled   = errors.New("throttled")
	ErrUnavailable = errors.New("service is unavailable")
	// ErrLogin is the unavailability of the login service. It matches ErrUnavailable as well.
	ErrLogin        = fmt.Errorf("login %w", ErrUnavailable)
	ErrMalformed    = errors.New("malformed response")
	ErrRefusedLink  = errors.New("nextLink refused")
	ErrLinkLoop     = errors.New("nextLink repeats")
	ErrStaleLink    = errors.New("nextLink no longer valid")
	ErrDenied       = errors.New("access denied")
	ErrUnlicensed   = errors.New("user not licensed")
	ErrUnpaid       = errors.New("payment required")
	ErrUnauthorized = errors.New("not authorized")
	ErrUserGone     = errors.New("user not found")
	ErrBadRequest   = errors.New("request refused as invalid")
	ErrItemRefused  = errors.New("item refused")
	ErrPosition     = errors.New("position unreadable")
)

// Error is a request that brought no page. Its text never holds a token, a link's query or anything
// of a message.
type Error struct {
	// Status is the HTTP status, 0 if there was no response.
	Status int
	// Code is Graph's error code, RequestID Graph's own id of the request, for a support case.
	Code, RequestID string
	// RetryAfter is the wait that Graph asked for, 0 if it named none and at most an hour. Bounded
	// reports whether Graph asked for more than that.
	RetryAfter time.Duration
	Bounded    bool
	// Tenant reports whether the failure concerns no user: the login service or the token failed.
	Tenant bool
	// Action is what follows, Reason one of the sentinels above.
	Action Action
	Reason error
	// Detail says more, in our own or in Graph's words.
	Detail string
	// Remedy is what an operator can do, in Markdown, empty where nothing is needed.
	Remedy string
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

// rule is a row of the table that says what follows from a failure.
type rule struct {
	// The condition: statuses from least to most, and the phrases of which the response's text has one,
	// in lower case. Rows of faults have no condition; the code that finds the fault names the row.
	least, most int
	says        []string
	// next rows apply to a page that a nextLink led to, held rows to a response with Retry-After.
	next, held bool

	action Action
	reason error
	tenant bool // concerns no user

	// For the documentation: what was seen, and what an operator can do.
	seen, remedy string
}

// matches reports whether a row applies. phrases are the response's texts without what they quote: a
// name in a text decides nothing.
func (r rule) matches(e *Error, phrases string, next bool) bool {
	return r.least <= e.Status && e.Status <= r.most && (next || !r.next) && (e.RetryAfter > 0 || !r.held) &&
		(r.says == nil || slices.ContainsFunc(r.says, func(phrase string) bool { return strings.Contains(phrases, phrase) }))
}

// rules is searched from the top; the first match decides. It goes by status and by what was asked.
// Graph's error codes do not help: they differ between its services, and most are the status in words.
// Where Graph says only in prose what kind of refusal it is, whole phrases of its are looked for.
// Sources: the error, throttling and licensing pages of the Graph documentation, and reports where they
// are silent.
var rules = []rule{
	{least: 400, most: 400, next: true, action: Restart, reason: ErrStaleLink,
		seen: "the page that a nextLink led to is refused, as a rule because its skip token is no longer valid", remedy: noRemedy},
	{least: 400, most: 400, says: []string{"invalid $filter", "invalid filter", "not allowed in $filter"}, action: StopTenant, reason: ErrBadRequest,
		seen: "Graph does not accept the `$filter`, which is the same for every user", remedy: "check `GRAPH_FILTER` against the reference page of getAllMessages"},
	{least: 400, most: 400, action: Suspend, reason: ErrBadRequest,
		seen: "Graph does not accept the request for this user", remedy: "look at the message and the request-id; an invalid id is the usual cause"},
	{least: 401, most: 401, action: StopTenant, reason: ErrUnauthorized,
		seen: "the token is refused, and a new one as well", remedy: "check the app registration and its credential"},
	{least: 402, most: 402, action: StopTenant, reason: ErrUnpaid,
		seen: "payment is required: no subscription, no license, or an evaluation that is used up", remedy: "see the licensing page of the Teams export API; `GRAPH_MODEL`"},
	{least: 403, most: 403, says: []string{"missing role permissions"}, action: StopTenant, reason: ErrUnauthorized,
		seen: "the token lacks the role", remedy: "grant `Chat.Read.All` as an application permission, with admin consent"},
	{least: 403, most: 403, says: []string{"no authorization information"}, action: StopTenant, reason: ErrUnauthorized,
		seen: "the token has no role for Teams at all", remedy: sameRemedy},
	{least: 403, most: 403, says: []string{"license information", "valid license", "office365 license", "license assigned", "not licensed"}, action: Suspend, reason: ErrUnlicensed,
		seen: "the user has no license", remedy: "assign one, or exclude the user (`SOURCE_EXCLUDE_USERS`)"},
	{least: 403, most: 403, action: Suspend, reason: ErrDenied,
		seen: "access to this user is denied", remedy: "some reports say that it passes by itself; else exclude the user, or open a case with the request-id"},
	{least: 404, most: 404, action: Suspend, reason: ErrUserGone,
		seen: "the user is unknown or has no mailbox", remedy: "exclude the user, or correct its name in `SOURCE_USERS`"},
	{least: 408, most: 408, action: Retry, reason: ErrUnavailable,
		seen: "Graph stopped waiting", remedy: noRemedy},
	{least: 410, most: 410, action: Restart, reason: ErrStaleLink,
		seen: "a link is gone", remedy: noRemedy},
	{least: 412, most: 412, action: StopTenant, reason: ErrUnauthorized,
		seen: "a delegated token, where Graph accepts only an application's own", remedy: "use the app registration's own credential (client credentials flow)"},
	{least: 429, most: 429, action: Hold, reason: ErrThrottled,
		seen: "throttled: the whole tenant waits as long as Retry-After says, or by growing pauses without one", remedy: "lower `SOURCE_RATE` if other applications share the quota"},
	{least: 504, most: 504, action: Shrink, reason: ErrUnavailable,
		seen: "the gateway stopped waiting, usually for a large page", remedy: "lower `SOURCE_PAGE_SIZE` if it happens often"},
	{least: 500, most: 599, held: true, action: Hold, reason: ErrUnavailable,
		seen: "the service is unavailable and says for how long", remedy: noRemedy},
	{least: 500, most: 599, action: Retry, reason: ErrUnavailable,
		seen: "the service failed or is unavailable", remedy: noRemedy},
	{least: 300, most: 399, action: Retry, reason: ErrMalformed,
		seen: "a redirect, which is not followed: the token goes to the configured root only", remedy: "check `GRAPH_ENDPOINT` and proxies in between"},
	{least: 400, most: 499, action: StopTenant, reason: ErrBadRequest,
		seen: "any other refusal", remedy: "look at the message and the request-id, and check proxies in between"},
	{least: 100, most: 999, action: Retry, reason: ErrMalformed,
		seen: "any other status, such as 204 or 206, which brings no page", remedy: "check proxies in between if it lasts"},
}

const noRemedy = "none needed"

// sameRemedy means the remedy of the row above.
const sameRemedy = "the same"

// advice returns the remedy, empty if nothing is needed.
func (r rule) advice() string {
	switch r.remedy {
	case noRemedy:
		return ""
	case sameRemedy:
		return faults[roleMissing].remedy
	default:
		return r.remedy
	}
}

// fault is a failure that no status shows.
type fault int

const (
	noResponse fault = iota
	brokenBody
	noPage
	hugeBody
	foreignLink
	loopingLink
	loginDown
	loginRefused
	roleMissing
	itemRefused
)

var faults = [...]rule{
	noResponse: {action: Retry, reason: ErrUnavailable,
		seen: "no response: no connection, a broken one, or none in the time that the request had, 5 s to two minutes", remedy: "check the network and the egress rules if it lasts"},
	brokenBody: {action: Retry, reason: ErrMalformed,
		seen: "a body that breaks off", remedy: noRemedy},
	noPage: {action: Retry, reason: ErrMalformed,
		seen: "status 200 without a page: truncated JSON, an error, another collection, or HTML from a proxy", remedy: "check proxies in between if it lasts"},
	hugeBody: {action: Shrink, reason: ErrMalformed,
		seen: "a body of more than 64 MiB", remedy: noRemedy},
	foreignLink: {action: Suspend, reason: ErrRefusedLink,
		seen: "a nextLink that leads away from `GRAPH_ENDPOINT`", remedy: "set `GRAPH_ENDPOINT` to the root that Graph itself uses"},
	loopingLink: {action: Restart, reason: ErrLinkLoop,
		seen: "nextLinks that lead to a page already read, or never end", remedy: "none needed if it passes; else open a case with Microsoft"},
	loginDown: {action: Hold, reason: ErrLogin, tenant: true,
		seen: "the login service does not issue a token at present", remedy: "check the network and the egress rules if it lasts"},
	loginRefused: {action: StopTenant, reason: ErrUnauthorized, tenant: true,
		seen: "the login service refuses the credential; the text has its AADSTS code", remedy: "correct or renew the credential"},
	roleMissing: {action: StopTenant, reason: ErrUnauthorized, tenant: true,
		seen: "the token lacks every role that getAllMessages accepts", remedy: "grant `Chat.Read.All` as an application permission, with admin consent"},
	itemRefused: {action: Suspend, reason: ErrItemRefused,
		seen: "an item that fits neither the topic nor the dead letters; the position stays before it", remedy: "raise `max.message.bytes` of the dead-letter topic"},
}

// fail makes the error of a fault.
func (f fault) fail(detail string, cause error) *Error {
	r := faults[f]
	return &Error{Action: r.action, Reason: r.reason, Tenant: r.tenant, Detail: detail, Remedy: r.advice(), Cause: cause}
}

// ending says what a failure, or nil for none, means for the tenant's rate.
func (e *Error) ending() ending {
	switch {
	case e == nil:
		return admitted
	case errors.Is(e, ErrThrottled):
		return throttled
	default:
		return broken
	}
}

// class returns what failures have in common that count together against the tenant: a refusal's reason, or
// that the service does not answer.
func (e *Error) class() error {
	if e.Action == StopTenant {
		return e.Reason
	}
	return ErrUnavailable
}

// of adds the response's status and request id.
func (e *Error) of(resp *http.Response) *Error {
	e.Status, e.RequestID = resp.StatusCode, clean(resp.Header.Get("request-id"), maxCode)
	return e
}

// classify sets the action and the reason of a response's error. next reports whether a nextLink led to
// the request.
func classify(e *Error, phrases string, next bool) {
	for _, r := range rules {
		if r.matches(e, phrases, next) {
			e.Action, e.Reason, e.Remedy = r.action, r.reason, r.advice()
			return
		}
	}
}

// ErrorTable returns the table of all failures, in Markdown, for the documentation.
func ErrorTable() string {
	var b strings.Builder
	b.WriteString("| response | what it means | reason shown | what follows | what to do |\n|---|---|---|---|---|\n")
	for _, r := range rules {
		response := strconv.Itoa(r.least)
		if r.most != r.least {
			response += " to " + strconv.Itoa(r.most)
		}
		for i, phrase := range r.says {
			response += fmt.Sprintf("%s %q", [...]string{", says", " or"}[min(i, 1)], phrase)
		}
		if r.next {
			response += ", by nextLink"
		}
		if r.held {
			response += ", Retry-After"
		}
		r.row(&b, response)
	}
	for _, r := range faults {
		r.row(&b, "")
	}
	return b.String()
}

func (r rule) row(b *strings.Builder, response string) {
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", response, r.seen, r.reason, r.action, r.remedy)
}
