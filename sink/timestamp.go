package sink

import "time"

// Restamped says why a record carries the time of writing and not its event's.
type Restamped string

// The reasons, as metrics show them.
const (
	// Refusable: the broker would refuse the record, by the topic's bounds of a timestamp or as it was
	// found to do.
	Refusable Restamped = "refusable"
	// Expiring: the topic's retention would delete the record soon, or at once.
	Expiring Restamped = "expiring"
)

// Stamps are the timestamps that the output topic takes and keeps. The zero value takes and keeps all.
type Stamps struct {
	// Before and After bound how far a timestamp may lie in the past and in the future; 0 means no bound.
	Before, After time.Duration
	// Retention is how long the topic keeps a record after its timestamp; 0 means for ever.
	Retention time.Duration
	// Present reports that the broker refused a timestamp that the bounds allow: every record is to
	// carry the present time.
	Present bool
}

// stampMargin is room for the broker's clock, and for the time that a record waits in the client.
const stampMargin = time.Minute

// stamp returns the timestamp for a record of an event, and why it is not the event's time, if it is
// not. An event older than half the retention gets the present time: so every record stays for at
// least half of it, long enough to be consumed, and to be known when its mailbox is read again.
func (s Stamps) stamp(event, now time.Time) (time.Time, Restamped) {
	age := now.Sub(event)
	switch {
	case s.Present, event.UnixMilli() < 0,
		s.Before > 0 && age > s.Before-min(stampMargin, s.Before/2),
		s.After > 0 && -age > s.After-min(stampMargin, s.After/2):
		return now, Refusable
	case s.Retention > 0 && age > s.Retention/2:
		return now, Expiring
	default:
		return event, ""
	}
}

// Oldest returns how old an event may be so that its record carries its time, and what bounds that in
// words; 0 means that nothing does.
func (s Stamps) Oldest() (age time.Duration, bound string) {
	if s.Retention > 0 {
		age, bound = s.Retention/2, "half of retention.ms"
	}
	if refused := s.Before - min(stampMargin, s.Before/2); s.Before > 0 && (age == 0 || refused < age) {
		age, bound = refused, "the topic's bound of timestamps in the past"
	}
	return age, bound
}

// stamps reads the bounds from a topic's configuration. message.timestamp.difference.max.ms bounds both
// directions; KIP-937 replaced it by two settings in Kafka 3.6, and Kafka 4.0 dropped it.
func (s settings) stamps() Stamps {
	if s["message.timestamp.type"] == "LogAppendTime" {
		return Stamps{} // the broker stamps
	}
	either := s.bound("message.timestamp.difference.max.ms")
	return Stamps{
		Before:    least(either, s.bound("message.timestamp.before.max.ms")),
		After:     least(either, s.bound("message.timestamp.after.max.ms")),
		Retention: s.bound("retention.ms"),
	}
}

// least returns the smaller of two bounds of which 0 means no bound.
func least(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
