package admin

import "time"

// Status is what an operator wants to know of a process. Counts are since the process began, rates of the last minute.
// Instants that are not there are null.
type Status struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	At       time.Time `json:"at"`
	Started  time.Time `json:"started"`
	Ready    bool      `json:"ready"`
	Reasons  []string  `json:"reasons"` // why it is not ready
	Stalled  []Stall   `json:"stalled"` // the same in parts
	Topics   Topics    `json:"topics"`
	Delivery string    `json:"delivery"`
	Group    Group     `json:"group"`
	Tenants  []Tenant  `json:"tenants"`
	Recent   []Event   `json:"recent"` // the last warnings and errors, the newest first
}

// Stall is what keeps the process, or one tenant's stream in it, from making progress.
type Stall struct {
	Reason string     `json:"reason"`           // a word; docs/errors.md lists them
	Tenant string     `json:"tenant,omitempty"` // empty for the whole process
	Alias  string     `json:"alias,omitempty"`
	What   string     `json:"what"`   // what does not happen
	Detail string     `json:"detail"` // what the other side said
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until"`  // when the next attempt starts
	Remedy string     `json:"remedy"` // in Markdown
}

// Topics are the names of the topics.
type Topics struct {
	Output      string `json:"output"`
	DeadLetters string `json:"dead_letters"`
	Offsets     string `json:"offsets"`
}

// Group is the consumer group: all processes that share the tenants.
type Group struct {
	Name   string `json:"name"`
	Joined bool   `json:"joined"` // this process is a member
	// Members are the processes as Kafka knows them, up to a few seconds ago.
	Members []Member `json:"members"`
	Error   string   `json:"error,omitempty"` // why they are not known
}

// Member is one process.
type Member struct {
	ID      string   `json:"id"`
	Host    string   `json:"host"`
	Self    bool     `json:"self"`
	Tenants []string `json:"tenants"` // that it owns; a spare owns none
}

// The states of a tenant in this process.
const (
	StateElsewhere = "elsewhere" // another process has it, or none yet
	StateStarting  = "starting"
	StateFailing   = "failing" // it waits before it starts over
	StateStopped   = "stopped" // Graph lets nobody of the tenant be read
	StateThrottled = "throttled"
	StateStalled   = "stalled" // no page arrives, or nothing is written
	StatePolling   = "polling"
)

// Tenant is one tenant's stream, as far as this process knows.
type Tenant struct {
	ID     string    `json:"id"`
	Alias  string    `json:"alias,omitempty"`
	State  string    `json:"state"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"` // why it does not poll
	// Until is when a throttled tenant may ask again.
	Until *time.Time `json:"until"`

	Users     Users       `json:"users"`
	Freshness Freshness   `json:"freshness"`
	Requests  Requests    `json:"requests"`
	Items     Items       `json:"items"`
	Late      Late        `json:"late_arrivals"`
	Index     Index       `json:"index"`
	Suspended []Suspended `json:"suspended"` // the first MaxSuspended of them
	Gaps      []Gap       `json:"gaps"`      // the newest MaxGaps of them, the newest last
}

// MaxSuspended is how many suspended users a status lists.
const MaxSuspended = 200

// MaxGaps is how many gaps a status lists.
const MaxGaps = 50

// Users counts who is polled.
type Users struct {
	Polled    int `json:"polled"`
	History   int `json:"history"` // of them, who still read the past
	Slow      int `json:"slow"`    // whose requests take long
	Suspended int `json:"suspended"`
	// Reasons counts the suspended by reason.
	Reasons map[string]int `json:"reasons"`
	// HistoryLeft is how long reading the past still takes, in seconds; null while that is not known.
	HistoryLeft *float64 `json:"history_left_seconds"`
}

// Freshness is how far the users have been read.
type Freshness struct {
	Oldest *time.Time `json:"oldest_mark"`
	Newest *time.Time `json:"newest_mark"`
	// Ages are the users by the age of what was read of them last, the youngest first.
	Ages []Age `json:"ages"`
}

// Age counts the users whose age is at most Seconds and more than that of the bucket before; null is without bound.
type Age struct {
	Seconds *float64 `json:"up_to_seconds"`
	Users   int      `json:"users"`
}

// Requests are those to Graph.
type Requests struct {
	PerSecond float64 `json:"per_second"`
	// Limit is what the connector allows itself now, Configured what it was told, in requests per second.
	Limit      float64           `json:"limit"`
	Configured float64           `json:"configured"`
	Outcomes   map[string]uint64 `json:"outcomes"`
}

// Items are those that Graph showed.
type Items struct {
	PerSecond float64           `json:"per_second"`
	Written   float64           `json:"written_per_second"`
	Outcomes  map[string]uint64 `json:"outcomes"`
}

// Late are versions that were first seen by looking back.
type Late struct {
	Count       uint64  `json:"count"`
	MeanSeconds float64 `json:"mean_seconds"`
	// Rungs counts versions written by the rung of the ladder that caught them.
	Rungs map[string]uint64 `json:"rungs"`
}

// Index is the index of written versions.
type Index struct {
	Entries uint64 `json:"entries"`
	// Excess is how many of the entries are beyond INDEX_MAX_ENTRIES.
	Excess uint64 `json:"excess"`
	// RebuildSeconds is how long the last rebuild took.
	RebuildSeconds float64 `json:"rebuild_seconds"`
}

// Suspended is a user who is left alone for a while.
type Suspended struct {
	User      string    `json:"user"`
	Reason    string    `json:"reason"`
	Detail    string    `json:"detail"`
	RequestID string    `json:"request_id"`
	Since     time.Time `json:"since"`
	// RetryAt is null if only an operator can end it.
	RetryAt *time.Time `json:"retry_at"`
}

// The reasons of gaps.
const (
	GapDeleted    = "deleted"
	GapUnanswered = "unanswered"
)

// Gap is a stretch of a user's time that cannot be read whole: what was deleted in it is no longer shown
// (GapDeleted), or Graph does not answer for it (GapUnanswered).
type Gap struct {
	User string    `json:"user"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Seen time.Time `json:"seen"`
	// Reason is GapDeleted or GapUnanswered, Detail what Graph answers.
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}
