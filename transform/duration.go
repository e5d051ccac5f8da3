package transform

import "math"

// durationMillis parses an ISO 8601 duration as Graph writes it, such as PT40M19.26S or P1DT2H, and
// returns milliseconds, truncated. It is not ok for invalid durations, for years and months (which have
// no fixed length), and for values beyond int64.
func durationMillis(s string) (millis int64, ok bool) {
	i, negative := 0, false
	if i < len(s) && s[i] == '-' {
		negative = true
		i++
	}
	if i >= len(s) || s[i] != 'P' {
		return 0, false
	}
	i++
	inTime, parts, last := false, 0, 0
	for i < len(s) {
		if s[i] == 'T' {
			if inTime || i+1 == len(s) {
				return 0, false
			}
			inTime = true
			i++
			continue
		}
		from := i
		var whole int64
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			digit := int64(s[i] - '0')
			if whole > (math.MaxInt64-digit)/10 {
				return 0, false
			}
			whole = whole*10 + digit
		}
		if i == from || i == len(s) {
			return 0, false
		}
		var fraction int64 // in milliseconds
		fractional := s[i] == '.'
		if fractional {
			i++
			from = i
			scale := int64(100)
			for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
				fraction += int64(s[i]-'0') * scale
				scale /= 10
			}
			if i == from || i == len(s) {
				return 0, false
			}
		}
		rank, unit := durationUnit(s[i], inTime)
		i++
		if unit == 0 || rank <= last || (fractional && unit != 1000) || whole > (math.MaxInt64-fraction-millis)/unit {
			return 0, false
		}
		last = rank
		millis += whole*unit + fraction
		parts++
	}
	if parts == 0 {
		return 0, false
	}
	if negative {
		millis = -millis
	}
	return millis, true
}

// durationUnit returns the rank of a designator in the required order and its length in milliseconds,
// 0 for an unknown designator.
func durationUnit(designator byte, inTime bool) (rank int, millis int64) {
	switch {
	case !inTime && designator == 'W':
		return 1, 7 * 24 * 3_600_000
	case !inTime && designator == 'D':
		return 2, 24 * 3_600_000
	case inTime && designator == 'H':
		return 3, 3_600_000
	case inTime && designator == 'M':
		return 4, 60_000
	case inTime && designator == 'S':
		return 5, 1000
	}
	return 0, 0
}
