package daemon

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// stall is what keeps the process, or one tenant's stream in it, from making progress.
type stall struct {
	reason        reason
	tenant, alias string // empty if it concerns the whole process
	what          string // what does not happen
	detail        string // what the other side said
	since         time.Time
	until         time.Time // when the next attempt starts; zero if that is not known
	remedy        string    // in Markdown; empty for the reason's own
}

// maxDetail bounds what is shown of an error, in runes.
const maxDetail = 600

// examine finds what keeps a tenant from making progress; ok is false if nothing does. A tenant that
// another process owns, or whose users are not due, is not stalled.
func examine(state worker.State) (s stall, ok bool) {
	s = stall{tenant: state.Tenant, alias: state.Alias, since: state.Since}
	src := state.Source
	switch {
	case state.Phase == worker.Idle:
		return stall{}, false
	case state.Phase == worker.Starting || state.Phase == worker.Failing:
		s.starting(state)
	case state.Trouble != nil:
		s.reason, s.what, s.detail, s.since = stalledKafka, "nothing is written", state.Trouble.Error(), state.Trouble.Since
	case src.Stopped != nil:
		s.reason, s.what, s.detail, s.since = reasonOf(src.Stopped), "polling is stopped", src.Stopped.Error(), src.StoppedSince
	case state.Undiscovered != nil && (state.Undiscovered.Polled == 0 || state.Undiscovered.Waiting > 0):
		s.undiscovered(state.Undiscovered)
	case src.Stalled != nil:
		s.reason, s.what, s.detail, s.since = reasonOf(src.Stalled.Reason), "no page arrives", src.Stalled.Detail, src.Stalled.Since
	default:
		return stall{}, false
	}
	if src.Stalled != nil {
		s.until, s.remedy = src.Stalled.Until, src.Stalled.Remedy
	}
	s.detail = cleaned(s.detail)
	return s, true
}

// undiscovered describes a stream that does not know its users.
func (s *stall) undiscovered(u *worker.Undiscovered) {
	s.reason, s.what, s.detail, s.since = stalledUsers, "users are not known", u.Err.Error(), u.Since
	if u.Waiting > 0 {
		s.what = fmt.Sprintf("%d users are not polled until it is known who is excluded", u.Waiting)
	}
	var failed *source.Error
	if errors.As(u.Err, &failed) {
		s.reason = reasonOf(u.Err)
	}
}

// starting describes a stream that has not begun to poll.
func (s *stall) starting(state worker.State) {
	s.reason, s.what = stalledStarting, string(state.Phase)
	var details []string
	if state.Err != nil {
		s.reason = reasonOf(state.Err)
		details = append(details, state.Err.Error())
	}
	if state.Trouble != nil {
		if state.Err == nil && state.Trouble.Reason != "" { // without one, reading the topic takes its time
			s.reason = stalledKafka
		}
		details = append(details, state.Trouble.Error())
	}
	s.detail = strings.Join(details, "; ")
}

// advice returns what to do.
func (s stall) advice() string {
	if s.remedy != "" {
		return s.remedy
	}
	return remedies[s.reason]
}

// text describes the stall in one line, which stays the same while the stall does.
func (s stall) text() string {
	var b strings.Builder
	if s.tenant != "" {
		b.WriteString("tenant " + worker.State{Tenant: s.tenant, Alias: s.alias}.Name() + ": ")
	}
	b.WriteString(s.what)
	if s.detail != "" {
		b.WriteString(": " + s.detail)
	}
	fmt.Fprintf(&b, " (reason: %s)", s.reason)
	return b.String()
}

// shown returns the stall as /status shows it.
func (s stall) shown() admin.Stall {
	shown := admin.Stall{Reason: string(s.reason), Tenant: s.tenant, Alias: s.alias, What: s.what, Detail: s.detail, Since: s.since, Remedy: s.advice()}
	if !s.until.IsZero() {
		shown.Until = &s.until
	}
	return shown
}

// cleaned returns one line of bounded length of what another system said.
func cleaned(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r): // marks that turn the direction of writing, byte order marks
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxDetail {
		return string(runes[:maxDetail]) + "…"
	}
	return text
}

// reason names in a word why there is no progress. It is the label reason of teams_connector_stalled.
type reason string

// The reasons. docs/errors.md has the same list.
const (
	stalledStarting     reason = "starting" // nothing is known to be wrong yet
	stalledTopics       reason = "topics"
	stalledRegistry     reason = "registry"
	stalledGroup        reason = "group"
	stalledKafka        reason = "kafka"
	stalledPermission   reason = "permission"
	stalledFenced       reason = "fenced"
	stalledSize         reason = "size"
	stalledLogin        reason = "login"
	stalledThrottled    reason = "throttled"
	stalledGraph        reason = "graph"
	stalledResponse     reason = "response"
	stalledUnauthorized reason = "unauthorized"
	stalledUnpaid       reason = "unpaid"
	stalledRequest      reason = "request"
	stalledAccess       reason = "access"
	stalledUsers        reason = "users"
)

// remedies says what to do about each reason, in Markdown, unless the failure itself says more.
var remedies = map[reason]string{
	stalledStarting:     "none needed unless it lasts; reading the topic back takes as long as the topic is large",
	stalledTopics:       "run the command that the error names, or create the topics as the cluster's policy asks for",
	stalledRegistry:     "check `SCHEMA_REGISTRY_URL`, the network, the egress rules and `SCHEMA_REGISTRY_CA_FILE`",
	stalledGroup:        "check the brokers; after a crash the group waits for `KAFKA_SESSION_TIMEOUT`",
	stalledKafka:        "check the brokers: reachability, leaders, in-sync replicas, the transaction coordinator",
	stalledPermission:   "grant the permission that the error names; `connector doctor` lists what is missing",
	stalledFenced:       "look for a second release with the same tenant and output topic",
	stalledSize:         "raise `max.message.bytes` of the topic that the error names",
	stalledLogin:        "check the network, the egress rules and `AZURE_AUTHORITY_HOST`",
	stalledThrottled:    "lower `SOURCE_RATE` if other applications share the quota",
	stalledGraph:        "check the network, the egress rules and Microsoft's service health",
	stalledResponse:     "look for a proxy that answers in Graph's place; check `GRAPH_ENDPOINT`",
	stalledUnauthorized: "check the application's credential and its role `Chat.Read.All`",
	stalledUnpaid:       "see the licensing page of the Teams export API",
	stalledRequest:      "check `GRAPH_FILTER`",
	stalledUsers:        "check `SOURCE_USERS_FILE`",
	stalledAccess:       "look for what the users have in common: licenses, a group, `SOURCE_USERS`",
}

// causes are the reasons of known errors. The first that matches decides.
var causes = []struct {
	err    error
	reason reason
}{
	{source.ErrThrottled, stalledThrottled},
	{source.ErrLogin, stalledLogin}, // before ErrUnavailable, which it matches too
	{source.ErrUnavailable, stalledGraph},
	{source.ErrMalformed, stalledResponse},
	{source.ErrRefusedLink, stalledResponse},
	{source.ErrLinkLoop, stalledResponse},
	{source.ErrStaleLink, stalledResponse},
	{source.ErrUnauthorized, stalledUnauthorized},
	{source.ErrUnpaid, stalledUnpaid},
	{source.ErrBadRequest, stalledRequest},
	{source.ErrDenied, stalledAccess},
	{source.ErrUnlicensed, stalledAccess},
	{source.ErrUserGone, stalledAccess},
	{source.ErrPosition, stalledAccess},
	{source.ErrItemRefused, stalledSize},
	{sink.ErrFenced, stalledFenced},
	{sink.ErrTopic, stalledTopics},
	{kerr.PolicyViolation, stalledTopics},
	{kerr.InvalidReplicationFactor, stalledTopics},
	{kerr.InvalidPartitions, stalledTopics},
	{kerr.InvalidConfig, stalledTopics},
	{kerr.UnknownTopicOrPartition, stalledTopics},
}

// reasonOf returns the reason of an error. What is not known otherwise is Kafka's: it is what a session
// needs besides Graph.
func reasonOf(err error) reason {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.reason
		}
	}
	var tooLarge *sink.TooLargeError
	switch {
	case sink.Denied(err), SignInRefused(err):
		return stalledPermission
	case errors.As(err, &tooLarge):
		return stalledSize
	default:
		return stalledKafka
	}
}
