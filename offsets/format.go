package offsets

import "time"

// FormatTime returns a position's time, in milliseconds since 1970, as RFC 3339 in UTC.
func FormatTime(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
