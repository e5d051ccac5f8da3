package graphsim

import "time"

// Config says what tenant to simulate and how awkward Graph is about it. Zero numbers of people and things get the
// defaults named at the field; zero rates mean that the behavior is off. Defaults returns a Config with the
// documented behaviors on.
type Config struct {
	// Address is where to listen, host:port. Default 127.0.0.1:0, a free port.
	Address string
	// Host is the name or address under which clients reach the simulator, if it is not the one it listens on: a service in
	// a cluster, say. It is in URL, in links and in the certificate.
	Host string
	// Dir is an existing folder that gets ca.pem, the certificate authority to trust. Empty: no file is written.
	Dir string
	// Seed decides everything that looks random.
	Seed uint64
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// DateSkew is how far Graph's clock is ahead of Now (negative: behind): the times of the messages, the Date
	// header and dates in Retry-After. The ledger's "at" and the lifetime of tokens go by Now.
	DateSkew time.Duration

	// Users in the tenant, each with a mailbox. Default 20.
	Users int
	// Chats among them. Default: twice the users.
	Chats int
	// MaxMembers is the size of the largest chat; group and meeting chats have 2 to MaxMembers members, as far as there
	// are users. With 1, everybody talks to himself, and each message has one copy. Default 6.
	MaxMembers int
	// Groups are directory groups for user discovery. Default 4.
	Groups int

	// Rate is new messages per second, from the start until StopTraffic. 0: none.
	Rate float64
	// Edits, Reactions and Deletions are the mean number of such changes per new message. Each makes a new version.
	// Values in 0..10.
	Edits, Reactions, Deletions float64
	// History are the messages that exist at the start.
	History History
	// Lateness is how long a copy takes to become visible in its mailbox.
	Lateness Lateness
	// PurgeAfter is how long a deleted message stays readable. Default 21 days, as documented.
	PurgeAfter time.Duration
	// Content is how varied the messages are.
	Content Content
	// Limits are the throttling limits that count requests.
	Limits Limits
	// Faults are responses without a usable answer.
	Faults Faults
	// Quirks are awkward but valid answers.
	Quirks Quirks
	// Mailboxes are what is wrong with single mailboxes, for as long as the rates stay.
	Mailboxes Mailboxes
	// Access is who may be read and by whom.
	Access Access
	// Directory is who the users are.
	Directory Directory
	// CacheBytes bounds the rendered messages that are kept. Default 64 MiB. The memory used is up to twice this
	// number for some moments.
	CacheBytes int
}

// History describes the messages that exist when the simulator starts. They are edited, reacted to and deleted in the
// same proportions as live ones, and their copies are as late.
type History struct {
	// Messages is how many there are.
	Messages int
	// Reach is the age of the oldest. Default 24h.
	Reach time.Duration
}

// Lateness is the distribution of the delay from a version's lastModifiedDateTime to its visibility in a mailbox. It is
// drawn per copy and per version. Export APIs are documented to lag up to 24 h in certain cases; the shape below that
// bound is not documented anywhere.
type Lateness struct {
	// Max is the longest delay, 0..24h. 0: everything is visible at once.
	Max time.Duration
	// Share of the copies that are late at all, in 0..1. Default 1: to have none late, leave Max at 0.
	Share float64
	// Shape bends the distribution of the late ones: the delay is Max·u^Shape with u uniform in 0..1. 1 is uniform, larger
	// numbers put most copies near zero with a long tail. Default 8. In 0.1..64.
	Shape float64
}

// Content is how varied messages are: for each kind the share of messages that are of it, in 0..1.
type Content struct {
	System       float64 // system event messages, all 30 kinds
	HTML         float64 // bodies in HTML instead of plain text
	Attachments  float64 // messages with attachments
	Mentions     float64 // messages with mentions
	Violations   float64 // messages blocked by a data loss prevention policy
	Strangers    float64 // senders that are no member: bots, guests, connectors, federated and other users
	Unknown      float64 // properties the metadata does not name
	FineTimes    float64 // times with 4 to 7 fractional digits
	NullModified float64 // unchanged messages with lastModifiedDateTime null
	Absent       float64 // messages without some of the properties that are null
	Escapes      float64 // messages whose characters beyond ASCII are sent as \u escapes
	Large        float64 // bodies of 8 to 28 KB
	BadItems     float64 // items no client can use: no id, no chatId, a time that does not parse
	Unparsable   float64 // items that strict parsers refuse: a raw control character, arrays 12,000 deep, NaN
}

// Limits count requests per app and tenant. Source: Graph's throttling limits, Teams section.
type Limits struct {
	// PerSecond is the burst limit, requests in one second. 0: no limit. Documented: 200.
	PerSecond int
	// SustainedShare is the share of PerSecond that may be used over SustainedOver. 0: no limit. Documented: 0.83.
	SustainedShare float64
	// SustainedOver is the longer window. Default 1 minute (not documented).
	SustainedOver time.Duration
	// TopTimeout is the $top from which the answer is 504 UnknownError, as reported for 1000. 0: never.
	TopTimeout int
}

// Faults are the probabilities, per request to Graph, of a response without a usable answer. At most one happens to a request.
type Faults struct {
	ThrottleInteger  float64 // 429 with Retry-After in whole seconds
	ThrottleFraction float64 // 429 with Retry-After in fractional seconds
	ThrottleDate     float64 // 429 with Retry-After as an HTTP date
	ThrottleSilent   float64 // 429 without Retry-After
	ThrottleOdd      float64 // 429 or 503 with a Retry-After in an unusual or invalid form
	InternalError    float64 // 500
	BadGateway       float64 // 502
	Unavailable      float64 // 503, every other one with Retry-After
	UnavailableWait  float64 // 503 with Retry-After in whole seconds
	GatewayTimeout   float64 // 504
	Bandwidth        float64 // 509
	Cut              float64 // the connection is cut in the middle of the body
	Truncate         float64 // the body ends in the middle, as if it were whole
	Slow             float64 // the body comes in pieces, SlowFor in all
	ContentType      float64 // 200 with an HTML page, as a proxy would answer
	ErrorPage        float64 // 200 with an empty page that has an error member
	Hang             float64 // the answer comes after HangFor
	TokenThrottle    float64 // the token endpoint answers 429 or 503 with Retry-After
	Revoke           float64 // the token is revoked; one with capability cp1 gets a claims challenge

	// RetryAfter is the longest wait asked for. Waits are drawn from RetryAfter/10..RetryAfter; whole seconds are rounded
	// up. Default 10s.
	RetryAfter time.Duration
	// SlowFor is how long a slow body takes. Default 2s.
	SlowFor time.Duration
	// HangFor is how long a hanging request takes to be answered. Default 2m.
	HangFor time.Duration
}

// EveryFault has each fault of a page request at the same rate. It is what a demonstration with faults uses.
func EveryFault(rate float64) Faults {
	return Faults{
		ThrottleInteger: rate, ThrottleFraction: rate, ThrottleDate: rate, ThrottleSilent: rate,
		InternalError: rate, BadGateway: rate, Unavailable: rate, GatewayTimeout: rate, Bandwidth: rate,
		Cut: rate, Truncate: rate, Slow: rate, ContentType: rate,
	}
}

// Quirks are the rates of answers that are valid but awkward. Rates are per page unless said otherwise.
type Quirks struct {
	EmptyPage     float64 // no items, and a link
	ShortPage     float64 // fewer items than $top, and a link
	Duplicates    float64 // the next page begins before the end of this one
	EarlyEnd      float64 // no link although more items follow
	LoopingLink   float64 // per window and LoopFor: the last page links to itself
	ForeignLink   float64 // the link leads to another host, which must never see the token
	StaleToken    float64 // per request with a $skiptoken: 400
	NullLink      float64 // per last page: "@odata.nextLink": null instead of no link
	BareLink      float64 // the link does not repeat $filter; the token carries it
	SkipLink      float64 // the link has $skip instead of $skiptoken, the older form
	SpaceLink     float64 // the link has spaces that are not escaped
	RelativeLink  float64 // the link is relative to the request
	LaggingCopy   float64 // per copy: changes of a message become visible LagFor later there
	TimeSkew      float64 // per copy and version: lastModifiedDateTime is some milliseconds later, under the same etag
	LenientFilter float64 // per request: one date bound alone, ge and le are taken
	FilterCreated float64 // per request: the window is applied to createdDateTime instead
	DateJitter    float64 // per response without Retry-After: the Date header is up to 5 s off
	DateWrong     float64 // per response: the Date header is off by DateWrongBy
	DateWrongFail float64 // per error response: the Date header is off by DateWrongBy
	OddHeaders    float64 // per response: unusual but valid headers
	ErrorForm     float64 // per error response: its body has another of the reported forms
	ErrorOdd      float64 // per error response: its body has the form of a proxy or of another service
	DeletedEmpty  float64 // per deletion: the body of the deleted message is empty
	Gzip          float64 // per response to a client that takes it: the body is compressed

	// LoopFor is how long a looping link lasts. Default 30s.
	LoopFor time.Duration
	// DateWrongBy is how far a wrong Date header is ahead of Graph's clock; negative: behind. Default 2h.
	DateWrongBy time.Duration
	// LagFor is the extra delay of lagging copies. Default: Lateness.Max, but at least 2s.
	LagFor time.Duration
}

// Mailboxes are the shares of mailboxes, stretches and items, in 0..1, that Graph has trouble with for ever.
//
// A request for a poisoned mailbox fails whenever it would touch the poison, always with the same status of 500, 502, 503 or
// 504. Requests beside it succeed.
type Mailboxes struct {
	Hang          float64 // share of users whose requests are answered after Faults.HangFor
	PoisonStretch float64 // per user and stretch of PoisonFor: any window that touches it fails
	PoisonItem    float64 // per copy of a version: any page that holds it fails
	PoisonPage    float64 // share of users for whom any page that holds the item at PoisonOffset of its window fails

	// PoisonFor is how long the stretches are into which time is divided for PoisonStretch. Default 1m.
	PoisonFor time.Duration
	// PoisonOffset is the place in a window, counted from 0, that fails with PoisonPage. Default 100.
	PoisonOffset int
}

// Access is who may be read, and by whom.
type Access struct {
	// Roles in the token. Default Chat.Read.All, User.Read.All, GroupMember.Read.All. An empty, non-nil slice gives tokens
	// without roles.
	Roles []string
	// TokenLifetime is how long a token lives. Default: random, 60 to 90 minutes; 24 h with capability cp1.
	TokenLifetime time.Duration

	Forbidden  float64 // share of users answered 403 Forbidden
	Unlicensed float64 // share of users answered 403, no license
	NoMailbox  float64 // share of users answered 404
	// FederatedSubject is the subject whose federated assertions are accepted. Default system:serviceaccount:teams:connector.
	FederatedSubject string
	// Payment is the 402 to answer, as in the metered years: "" (none), "subscription", "license", "tenant" or "evaluation".
	Payment string
	// EvaluationCapacity is how many messages are free with Payment "evaluation" when no model is given. Documented then:
	// 500 a month. 0: none.
	EvaluationCapacity int
}

// Directory is how varied the users are: for each kind the share of users that are of it, in 0..1.
type Directory struct {
	Disabled float64 // accounts that are disabled
	Guests   float64 // users whose userType is Guest
	NoPlan   float64 // users without a Teams plan
}
