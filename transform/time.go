package transform

import (
	"errors"
	"time"
)

var errNoTime = errors.New("not an RFC 3339 time")

// ParseTime parses a DateTimeOffset as Graph writes it: RFC 3339 with any number of fractional digits,
// in any zone. Graph trims trailing zeros of the fraction, so no fixed layout fits. Valid years are 1
// to 9999 in UTC. ParseTime truncates digits finer than a nanosecond.
func ParseTime(s string) (time.Time, error) {
	t, ok := parseInstant(s)
	if !ok {
		return time.Time{}, errNoTime
	}
	return time.Unix(t.seconds, int64(t.nanos)).UTC(), nil
}

// instant is a point in time.
type instant struct {
	seconds int64 // since 1970-01-01T00:00:00Z
	nanos   int32 // 0 to 999,999,999
	finer   bool  // nonzero digits finer than a nanosecond were truncated
}

// millis returns the instant in milliseconds since 1970-01-01T00:00:00Z, truncated.
func (t instant) millis() int64 { return t.seconds*1000 + int64(t.nanos)/1e6 }

// whole reports whether millis is exact.
func (t instant) whole() bool { return t.nanos%1e6 == 0 && !t.finer }

// The first second of year 1 and the last one of year 9999.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// parseInstant parses RFC 3339 strictly. The standard library's parser accepts more, such as one-digit
// hours and a comma before the fraction; where both accept a text, they agree on the instant. It runs
// up to five times per message, so it works on bytes.
func parseInstant[T []byte | string](s T) (instant, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") ||
		s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return instant{}, false
	}
	century, ok1 := twoDigits(s, 0)
	year, ok2 := twoDigits(s, 2)
	month, ok3 := twoDigits(s, 5)
	day, ok4 := twoDigits(s, 8)
	hour, ok5 := twoDigits(s, 11)
	minute, ok6 := twoDigits(s, 14)
	second, ok7 := twoDigits(s, 17)
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) {
		return instant{}, false
	}
	year += century * 100
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return instant{}, false
	}
	t := instant{seconds: daysSince1970(year, month, day)*86400 + int64(hour)*3600 + int64(minute)*60 + int64(second)}

	i := 19
	if s[i] == '.' {
		i++
		first, scale := i, int32(100_000_000)
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			digit := int32(s[i] - '0')
			t.nanos += digit * scale
			t.finer = t.finer || (scale == 0 && digit != 0)
			scale /= 10
		}
		if i == first {
			return instant{}, false
		}
	}
	zone := s[i:]
	switch {
	case len(zone) == 1 && zone[0] == 'Z':
	case len(zone) == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':':
		hours, okHours := twoDigits(zone, 1)
		minutes, okMinutes := twoDigits(zone, 4)
		if !okHours || !okMinutes || hours > 23 || minutes > 59 {
			return instant{}, false
		}
		offset := int64(hours)*3600 + int64(minutes)*60
		if zone[0] == '+' {
			offset = -offset
		}
		t.seconds += offset
	default:
		return instant{}, false
	}
	return t, t.seconds >= firstSecond && t.seconds <= lastSecond
}

func twoDigits[T []byte | string](s T, at int) (int, bool) {
	tens, ones := s[at]-'0', s[at+1]-'0'
	return int(tens)*10 + int(ones), tens <= 9 && ones <= 9
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts years from March, so that the leap day is the last day of its year.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	// (153·m − 457)/5 is the number of days from 1 March to the first day of month m, March being 3.
	days := year*365 + floor(year, 4) - floor(year, 100) + floor(year, 400) + (153*month-457)/5 + day
	const epoch = 719469 // the same sum for 1970-01-01
	return int64(days - epoch)
}

// floor returns n/d rounded down. Year 0, counted from March, becomes −1.
func floor(n, d int) int {
	if n < 0 {
		return (n - d + 1) / d
	}
	return n / d
}
