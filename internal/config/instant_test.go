package config

import (
	"testing"
	"time"
)

func TestParseInstant_TakesTimesDatesAndDurations(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 1_500_000, time.UTC)
	for text, want := range map[string]time.Time{
		"now":                       now.Truncate(time.Millisecond),
		"2026-01-31T08:00:00Z":      time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC),
		"2026-01-31T08:00:00+02:00": time.Date(2026, 1, 31, 6, 0, 0, 0, time.UTC),
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"36h":                       now.Add(-36 * time.Hour).Truncate(time.Millisecond),
		"7d":                        now.Add(-7 * 24 * time.Hour).Truncate(time.Millisecond),
	} {
		if got, err := ParseInstant(text, now); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "then", "-1h", "2999-01-01", "1969-12-31", "70000d"} {
		if got, err := ParseInstant(text, now); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
