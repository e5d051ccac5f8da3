package config

import (
	"fmt"
	"time"
)

// ParseInstant parses a time of the past: RFC 3339, a date (midnight UTC), "now", or a duration back
// from now, such as 36h or 7d. The result is in UTC, in whole milliseconds.
func ParseInstant(text string, now time.Time) (time.Time, error) {
	at, ok := now, true
	if text != "now" {
		at, ok = parseInstant(text, now)
	}
	switch {
	case !ok:
		return time.Time{}, fmt.Errorf("%q is not a time (2026-01-31T08:00:00Z), a date (2026-01-31), a duration back from now (36h, 7d) or now", text)
	case at.After(now):
		return time.Time{}, fmt.Errorf("%s is in the future", text)
	case at.Year() < 1970:
		return time.Time{}, fmt.Errorf("%s is before 1970", text)
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

func parseInstant(text string, now time.Time) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	back, err := ParseDuration(text)
	return now.Add(-back), err == nil
}
