package audit

import (
	"cmp"
	"slices"
	"time"
)

// purgeAfter is how long Graph shows a deleted message: 21 days. Source: the Teams export documentation.
const purgeAfter = 21 * 24 * time.Hour

// Report is what an audit found. Unless said otherwise, numbers count versions of messages, however many
// mailboxes hold a copy.
type Report struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Users were read; Unreadable are those of them who could not be, so that nothing is known of what
	// their mailboxes hold.
	Users      int          `json:"users"`
	Unreadable []Unreadable `json:"unreadable,omitempty"`
	// Gone are users who were removed and whose mailboxes Graph no longer has.
	Gone []string `json:"gone,omitempty"`
	// Uncovered are the partitions that may have held a part of the range which was deleted since, by retention as a
	// rule. What is missing may have been there.
	Uncovered []Uncovered `json:"uncovered,omitempty"`

	// Shown is what Graph shows of the range: the sum of Present, Superseded, VersionDiffers and Missing.
	Shown int `json:"shown"`
	// Present are in the topic, or, as many as DeadLetters, in the dead letters.
	Present     int `json:"present"`
	DeadLetters int `json:"dead_letters"`
	// Superseded are not in the topic, but a newer version of the same message is.
	Superseded int `json:"superseded"`
	// VersionDiffers are not in the topic, which holds only older versions of the message.
	VersionDiffers int `json:"version_differs"`
	// Missing are not in the topic, nor is any other version of the message.
	Missing int `json:"missing"`

	// Of VersionDiffers and Missing together: StillToRead will be asked for again by a later window of some
	// user, NotPolled belong only to users without a position, BeforeStart to users whose stream begins later,
	// Left to users who were removed before, or excluded. Nobody reads BeforeStart and Left.
	StillToRead int `json:"still_to_read"`
	NotPolled   int `json:"not_polled"`
	BeforeStart int `json:"before_start"`
	Left        int `json:"left"`

	// Replaced, Purged and Extra stand in the topic and are not shown by Graph. Of Replaced there is a newer
	// version. Purged were deleted so long ago that Graph does not show them any more. Extra are the others, for instance
	// of a mailbox that is gone, or modified again and not read since.
	Replaced int `json:"replaced"`
	Purged   int `json:"purged"`
	Extra    int `json:"extra"`

	// Excluded items belong to chats that the policy leaves out; Outside items were shown although they lie
	// outside the range. Both count each mailbox's copy.
	Excluded int `json:"excluded"`
	Outside  int `json:"outside"`

	// Findings lists versions by kind, as many as were asked for.
	Findings map[Kind][]Finding `json:"findings,omitempty"`
	Seconds  float64            `json:"seconds"`
}

// Unreadable is a user whose mailbox could not be read.
type Unreadable struct {
	User  string `json:"user"`
	Error string `json:"error"`
}

// Uncovered is a partition that no longer holds all of the range.
type Uncovered struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Offset is the first there is, Begins the timestamp of its record; nil if there is none.
	Offset int64      `json:"offset"`
	Begins *time.Time `json:"begins,omitempty"`
}

// Kind is a kind of finding.
type Kind string

// The kinds of findings that are listed.
const (
	KindMissing        Kind = "missing"
	KindVersionDiffers Kind = "version_differs"
	KindExtra          Kind = "extra"
)

// The excuses of an absent version.
const (
	WhyStillToRead = "still_to_read"
	WhyNotPolled   = "not_polled"
	WhyBeforeStart = "before_start"
	WhyLeft        = "left"
)

// Finding names a version.
type Finding struct {
	ChatID string `json:"chat_id,omitempty"`
	ID     string `json:"id,omitempty"`
	ETag   string `json:"etag,omitempty"`
	// Name is that of an item without a usable identity, as its dead letter would be called.
	Name string     `json:"name,omitempty"`
	Time *time.Time `json:"time,omitempty"`
	// Why is one of the excuses for a version that is absent; empty if there is none.
	Why string `json:"why,omitempty"`
	// TopicETag is the newest version of the message in the topic.
	TopicETag string `json:"topic_etag,omitempty"`
}

// OK reports whether all mailboxes were read, and all that the connector reads of them is in the topic or
// superseded there.
func (r *Report) OK() bool { return r.wanting() == 0 && len(r.Unreadable) == 0 }

// wanting is how many versions are absent that the connector reads.
func (r *Report) wanting() int { return r.Missing + r.VersionDiffers - r.BeforeStart - r.Left }

// compare fills in the report once everything is read.
func (a *audit) compare(now time.Time) {
	r, s := a.report, a.versions
	slices.Sort(r.Gone)
	slices.SortFunc(r.Unreadable, func(x, y Unreadable) int { return cmp.Compare(x.User, y.User) })
	listed := make(map[Kind][]Finding)
	list := func(kind Kind, f Finding) { listed[kind] = append(listed[kind], f) }

	absent := make(map[message][]version) // messages of which Graph shows what the topic does not hold
	for v, known := range s.seen {
		if known.flags&shown == 0 {
			continue
		}
		r.Shown++
		if known.flags&stored != 0 {
			r.Present++
			if known.flags&letter != 0 {
				r.DeadLetters++
			}
			continue
		}
		absent[v.message] = append(absent[v.message], v)
		have := s.newest[v.message]
		switch {
		case have.time == none:
			r.Missing++
			list(KindMissing, a.finding(v, known, r.excuse(known.flags)))
		case s.version(have.time, have.etag).Compare(s.version(known.time, v.etag)) > 0:
			r.Superseded++
		default:
			r.VersionDiffers++
			f := a.finding(v, known, r.excuse(known.flags))
			f.TopicETag = s.text(have.etag)
			list(KindVersionDiffers, f)
		}
	}
	for v, known := range s.seen {
		if known.flags&shown == 0 {
			if kind := a.beyond(v, known, absent, now); kind != "" {
				list(kind, a.finding(v, known, ""))
			}
		}
	}
	for name, known := range a.nameless {
		r.Shown++
		if known&stored != 0 {
			r.Present++
			r.DeadLetters++
			continue
		}
		r.Missing++
		list(KindMissing, Finding{Name: name})
	}
	r.Findings = a.cut(listed)
}

// beyond counts a version that only the topic holds; the kind is empty for one that is not listed.
func (a *audit) beyond(v version, known seen, absent map[message][]version, now time.Time) Kind {
	r, s := a.report, a.versions
	own := s.version(known.time, v.etag)
	have := s.newest[v.message]
	replaced := s.version(have.time, have.etag).Compare(own) > 0
	for _, other := range absent[v.message] {
		replaced = replaced || s.version(s.seen[other].time, other.etag).Compare(own) > 0
	}
	switch {
	case replaced:
		r.Replaced++
		return ""
	case known.flags&deleted != 0 && known.time < now.Add(-purgeAfter).UnixMilli():
		r.Purged++
		return ""
	default:
		r.Extra++
		return KindExtra
	}
}

// excuse counts why an absent version may be absent. A single mailbox that was read past it is not an excuse.
func (r *Report) excuse(f flags) string {
	switch {
	case f&read != 0:
		return ""
	case f&stillToRead != 0:
		r.StillToRead++
		return WhyStillToRead
	case f&notPolled != 0:
		r.NotPolled++
		return WhyNotPolled
	case f&left != 0:
		r.Left++
		return WhyLeft
	default:
		r.BeforeStart++
		return WhyBeforeStart
	}
}

func (a *audit) finding(v version, known seen, why string) Finding {
	s := a.versions
	return Finding{
		ChatID: s.chatIDs[v.message.chat], ID: s.text(v.message.id), ETag: s.text(v.etag),
		Time: new(time.UnixMilli(known.time).UTC()), Why: why,
	}
}

// cut sorts the findings and keeps as many as are wanted, those without an excuse first.
func (a *audit) cut(listed map[Kind][]Finding) map[Kind][]Finding {
	for kind, all := range listed {
		slices.SortFunc(all, func(x, y Finding) int {
			return cmp.Or(cmp.Compare(x.Why, y.Why), cmp.Compare(x.ChatID, y.ChatID), cmp.Compare(x.ID, y.ID), cmp.Compare(x.ETag, y.ETag), cmp.Compare(x.Name, y.Name))
		})
		if a.cfg.Examples >= 0 && len(all) > a.cfg.Examples {
			all = all[:a.cfg.Examples]
		}
		if listed[kind] = all; len(all) == 0 {
			delete(listed, kind)
		}
	}
	return listed
}
