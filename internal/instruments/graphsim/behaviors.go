package graphsim

import (
	"fmt"
	"slices"
	"strings"
)

// Behavior is one switchable behavior of the simulator.
type Behavior struct {
	// Name is how SetRate and the command line call it.
	Name string
	// Summary is one line, for a help text.
	Summary string
	// Default is its rate in Defaults, in 0..1.
	Default float64
	// Fixed means that the behavior is part of the tenant itself and cannot be changed while the simulator runs.
	Fixed bool
}

// Behaviors lists every behavior that has a rate, grouped by prefix.
func Behaviors() []Behavior {
	c := Defaults()
	var list []Behavior
	for _, b := range c.behaviors() {
		list = append(list, Behavior{Name: b.name, Summary: b.summary, Default: *b.rate, Fixed: b.fixed()})
	}
	return list
}

// SetRate switches a behavior by its name. The rate is in 0..1.
func (c *Config) SetRate(name string, rate float64) error {
	var names []string
	for _, b := range c.behaviors() {
		if b.name == name {
			if !(rate >= 0 && rate <= 1) {
				return fmt.Errorf("graphsim: rate of %s is %v, must be 0..1", name, rate)
			}
			*b.rate = rate
			return nil
		}
		names = append(names, b.name)
	}
	slices.Sort(names)
	return fmt.Errorf("graphsim: no behavior is called %q; there are: %s", name, strings.Join(names, ", "))
}

type behavior struct {
	name, summary string
	rate          *float64
}

// behaviors is the one table that ties names to fields.
func (c *Config) behaviors() []behavior {
	f, q, m, n, a, p := &c.Faults, &c.Quirks, &c.Mailboxes, &c.Content, &c.Access, &c.Directory
	return []behavior{
		{"fault-429-integer", "429 with Retry-After in whole seconds", &f.ThrottleInteger},
		{"fault-429-fraction", "429 with Retry-After in fractional seconds", &f.ThrottleFraction},
		{"fault-429-date", "429 with Retry-After as an HTTP date", &f.ThrottleDate},
		{"fault-429-silent", "429 without Retry-After", &f.ThrottleSilent},
		{"fault-429-odd", "429 or 503 with two Retry-After values in one field or in two, or with one that is empty, negative or a word", &f.ThrottleOdd},
		{"fault-500", "500 internal server error", &f.InternalError},
		{"fault-502", "502 bad gateway", &f.BadGateway},
		{"fault-503", "503 service unavailable, every other one with Retry-After", &f.Unavailable},
		{"fault-503-integer", "503 with Retry-After in whole seconds", &f.UnavailableWait},
		{"fault-504", "504 gateway timeout", &f.GatewayTimeout},
		{"fault-509", "509 bandwidth limit exceeded", &f.Bandwidth},
		{"fault-cut", "the connection is cut in the middle of the body; over HTTP/2 it is the stream", &f.Cut},
		{"fault-truncate", "the JSON ends in the middle of a complete response", &f.Truncate},
		{"fault-slow", "the body comes slowly", &f.Slow},
		{"fault-content-type", "200 with an HTML page, as from a proxy", &f.ContentType},
		{"fault-error-page", "200 with an empty page that has an error member", &f.ErrorPage},
		{"fault-hang", "the answer comes only after a long time", &f.Hang},
		{"fault-token", "the token endpoint answers 429 or 503 with Retry-After", &f.TokenThrottle},
		{"fault-revoke", "the token is revoked: 401, with a claims challenge if the client declared cp1", &f.Revoke},

		{"quirk-empty-page", "a page without items, with a link", &q.EmptyPage},
		{"quirk-short-page", "a page with fewer items than asked for, with a link", &q.ShortPage},
		{"quirk-duplicates", "the next page repeats items of this one", &q.Duplicates},
		{"quirk-early-end", "a page without a link although more items follow", &q.EarlyEnd},
		{"quirk-looping-link", "per window: the last page links to itself for a while", &q.LoopingLink},
		{"quirk-foreign-link", "a link leads to another host", &q.ForeignLink},
		{"quirk-stale-token", "a skiptoken is refused with 400", &q.StaleToken},
		{"quirk-null-link", "the last page has a link that is null instead of none", &q.NullLink},
		{"quirk-bare-link", "links do not repeat $filter", &q.BareLink},
		{"quirk-skip-link", "links have $skip instead of $skiptoken", &q.SkipLink},
		{"quirk-space-link", "links have spaces that are not escaped", &q.SpaceLink},
		{"quirk-relative-link", "links are relative to the request", &q.RelativeLink},
		{"quirk-lagging-copy", "per copy: changes show later there, an older version after a newer one elsewhere", &q.LaggingCopy},
		{"quirk-time-skew", "per copy: times some milliseconds apart under one etag", &q.TimeSkew},
		{"quirk-lenient-filter", "one date bound alone, ge and le are taken instead of refused", &q.LenientFilter},
		{"quirk-filter-created", "the window is applied to createdDateTime", &q.FilterCreated},
		{"quirk-date-jitter", "the Date header is up to 5 s off, but not beside a Retry-After", &q.DateJitter},
		{"quirk-date-wrong", "the Date header is off by hours, but not beside a date in Retry-After", &q.DateWrong},
		{"quirk-date-wrong-errors", "the same in error responses alone", &q.DateWrongFail},
		{"quirk-odd-headers", "unusual but valid headers: an obsolete form of Date, a Retry-After of 0 in an answer, two WWW-Authenticate fields", &q.OddHeaders},
		{"quirk-error-odd", "an error's body begins with a byte order mark, has its text in innerError or details, or is an HTML page", &q.ErrorOdd},
		{"quirk-error-form", "an error's body says innererror, or has no message, or has its JSON in a string", &q.ErrorForm},
		{"quirk-deleted-empty", "a deleted message has an empty body", &q.DeletedEmpty},
		{"quirk-gzip", "the body is compressed, if the client takes that, as Graph's are", &q.Gzip},

		{"mailbox-hang", "share of users whose requests are answered only after a long time", &m.Hang},
		{"mailbox-poison-stretch", "per user and stretch of time, a minute by default: any window that touches it fails, for ever", &m.PoisonStretch},
		{"mailbox-poison-item", "per copy of a version: any page that holds it fails, for ever", &m.PoisonItem},
		{"mailbox-poison-page", "share of users for whom any page that holds one place of its window, the 100th by default, fails for ever", &m.PoisonPage},

		{"content-system", "system event messages, all 30 kinds", &n.System},
		{"content-html", "bodies in HTML", &n.HTML},
		{"content-attachments", "attachments of every kind", &n.Attachments},
		{"content-mentions", "mentions of every kind", &n.Mentions},
		{"content-violations", "messages blocked by a policy", &n.Violations},
		{"content-strangers", "senders that are no members: bots, guests, connectors, other identities", &n.Strangers},
		{"content-unknown", "properties the metadata does not name", &n.Unknown},
		{"content-fine-times", "times with 4 to 7 fractional digits", &n.FineTimes},
		{"content-null-modified", "lastModifiedDateTime null", &n.NullModified},
		{"content-absent", "properties left out that are null: of edit, deletion, event, channel and webUrl", &n.Absent},
		{"content-escapes", "characters beyond ASCII as \\u escapes", &n.Escapes},
		{"content-large", "bodies of 8 to 28 KB", &n.Large},
		{"content-bad-items", "items without id, without chatId, or with a time that does not parse", &n.BadItems},

		{"content-unparsable", "items that strict parsers refuse: a raw control character, arrays 12,000 deep, NaN", &n.Unparsable},

		{"access-forbidden", "share of users answered 403 Forbidden", &a.Forbidden},
		{"access-unlicensed", "share of users answered 403 for want of a license", &a.Unlicensed},
		{"access-no-mailbox", "share of users answered 404", &a.NoMailbox},

		{"directory-disabled", "share of users whose account is disabled", &p.Disabled},
		{"directory-guests", "share of users that are guests", &p.Guests},
		{"directory-no-plan", "share of users without a Teams plan", &p.NoPlan},
	}
}

// fixed: the model was made with this rate, and what has been shown depends on it.
func (b behavior) fixed() bool {
	switch b.name {
	case "quirk-time-skew", "quirk-lagging-copy", "quirk-deleted-empty":
		return true
	default:
		return strings.HasPrefix(b.name, "content-") || strings.HasPrefix(b.name, "directory-")
	}
}
