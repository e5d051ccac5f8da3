package sink

import (
	"testing"
	"time"
)

func TestStamps_KeepTheEventsTimeWhereTheTopicTakesAndKeepsIt(t *testing.T) {
	t.Parallel()
	const hour, day = time.Hour, 24 * time.Hour
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const (
		century = "3153600000001" // ms, more than any topic means
		never   = "9223372036854775807"
	)
	for name, c := range map[string]struct {
		config settings
		age    time.Duration
		want   Restamped
	}{
		"no bounds":                          {settings{}, 400 * day, ""},
		"retention for ever":                 {settings{"retention.ms": "-1"}, 400 * day, ""},
		"younger than half the retention":    {settings{"retention.ms": "604800000"}, 3 * day, ""},
		"older than half the retention":      {settings{"retention.ms": "604800000"}, 4 * day, Expiring},
		"older than the retention":           {settings{"retention.ms": "604800000"}, 12 * day, Expiring},
		"difference, before Kafka 3.6":       {settings{"message.timestamp.difference.max.ms": "3600000"}, 2 * hour, Refusable},
		"difference, just within its margin": {settings{"message.timestamp.difference.max.ms": "3600000"}, hour - 30*time.Second, Refusable},
		"difference, within":                 {settings{"message.timestamp.difference.max.ms": "3600000"}, hour / 2, ""},
		"difference, ahead":                  {settings{"message.timestamp.difference.max.ms": "3600000"}, -2 * hour, Refusable},
		"before, without bound":              {settings{"message.timestamp.before.max.ms": never, "message.timestamp.difference.max.ms": never}, 400 * day, ""},
		"before, a century":                  {settings{"message.timestamp.before.max.ms": century}, 400 * day, ""},
		"before":                             {settings{"message.timestamp.before.max.ms": "86400000"}, 25 * hour, Refusable},
		"before, the smaller of two":         {settings{"message.timestamp.before.max.ms": "86400000", "message.timestamp.difference.max.ms": "3600000"}, 2 * hour, Refusable},
		"after":                              {settings{"message.timestamp.after.max.ms": "3600000"}, -2 * hour, Refusable},
		"after, within":                      {settings{"message.timestamp.after.max.ms": "3600000"}, -hour / 2, ""},
		"after, a second":                    {settings{"message.timestamp.after.max.ms": "1000"}, -2 * time.Second, Refusable},
		"after, a second, present":           {settings{"message.timestamp.after.max.ms": "1000"}, 0, ""},
		"the broker stamps":                  {settings{"message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "1000"}, day, ""},
	} {
		event := now.Add(-c.age)
		stamp, why := c.config.stamps().stamp(event, now)
		if why != c.want || why == "" && !stamp.Equal(event) || why != "" && !stamp.Equal(now) {
			t.Errorf("%s: %v (%q), want %q", name, stamp, why, c.want)
		}
	}
	if stamp, why := (Stamps{Present: true}).stamp(now.Add(-time.Second), now); why != Refusable || !stamp.Equal(now) {
		t.Errorf("after a refusal: %v (%q)", stamp, why)
	}
	if stamp, why := (Stamps{}).stamp(time.UnixMilli(-1), now); why != Refusable || !stamp.Equal(now) {
		t.Errorf("before 1970: %v (%q)", stamp, why)
	}
}
