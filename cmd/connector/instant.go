package main

import (
	"fmt"
	"time"

	"github.com/teams-kafka/connector/internal/config"
)

// parseInstant reads an instant of a command line: a time as in RFC 3339, a date (its first instant, UTC), now, or a
// duration back from now, such as 36h or 7d. One in the future is refused.
func parseInstant(flag, text string, now time.Time) (time.Time, error) {
	at, err := now, error(nil)
	if text != "now" {
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			if at, err = time.Parse(time.DateOnly, text); err != nil {
				var back time.Duration
				if back, err = config.ParseDuration(text); err == nil {
					at = now.Add(-back)
				}
			}
		}
	}
	switch {
	case err != nil:
		return time.Time{}, usageError{fmt.Errorf("%s %q is no time (2026-01-31T08:00:00Z), no date (2026-01-31), no duration back from now (36h, 7d), and not now",
			flag, text)}
	case at.After(now):
		return time.Time{}, usageError{fmt.Errorf("%s %s lies in the future", flag, text)}
	case at.Year() < 1970:
		return time.Time{}, usageError{fmt.Errorf("%s %s lies before 1970", flag, text)}
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

// showInstant prints milliseconds since 1970 as a time in UTC.
func showInstant(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
