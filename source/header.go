package source

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds a wait that a response asks for. The waits that Graph documents are seconds to
// minutes. After a longer one the client asks again once an hour, so that a wrong header cannot stop a
// tenant for days.
const maxRetryAfter = time.Hour

// retryAfter returns the wait that a response asks for, rounded up to whole seconds and at most
// maxRetryAfter; 0 means none. bounded reports whether the response asked for more than that.
//
// A value is a number of seconds, also with a fraction (Graph documents both), or an HTTP date, which is
// measured against the response's own Date. Of several fields, or several values in one field, the
// longest wait counts. Values that are neither count as absent.
func retryAfter(h http.Header, received time.Time) (wait time.Duration, bounded bool) {
	now := received
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	for _, field := range h.Values("Retry-After") {
		values := strings.Split(field, ",")
		for i, value := range values {
			wait = max(wait, waitOf(value, now))
			if i > 0 { // an HTTP date has its own comma
				wait = max(wait, waitOf(values[i-1]+","+value, now))
			}
		}
	}
	if wait > maxRetryAfter {
		return maxRetryAfter, true
	}
	return wait, false
}

// waitOf returns the wait that one value of a Retry-After names, rounded up to whole seconds; 0 for
// none. It saturates at twice maxRetryAfter.
func waitOf(value string, now time.Time) time.Duration {
	const most = 2 * maxRetryAfter
	value = strings.TrimSpace(value)
	if decimal(value) {
		seconds, _ := strconv.ParseFloat(value, 64) // out of range is +Inf, which saturates
		return time.Duration(math.Ceil(min(seconds, most.Seconds()))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil || !at.After(now) {
		return 0
	}
	wait := min(at.Sub(now), most) // Sub saturates
	return (wait + time.Second - 1).Truncate(time.Second)
}

// decimal reports whether s is digits, with at most one point among them.
func decimal(s string) bool {
	digits, points := 0, 0
	for i := range len(s) {
		switch b := s[i]; {
		case b >= '0' && b <= '9':
			digits++
		case b == '.':
			points++
		default:
			return false
		}
	}
	return digits > 0 && points <= 1
}

var claimsPattern = regexp.MustCompile(`(?i)\bclaims="([A-Za-z0-9+/=_-]+)"`)

// claimsChallenge returns the decoded claims of a continuous access evaluation challenge, "" if no
// WWW-Authenticate field of the response has any.
func claimsChallenge(h http.Header) string {
	for _, field := range h.Values("WWW-Authenticate") {
		for _, found := range claimsPattern.FindAllStringSubmatch(field, -1) {
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
				if claims, err := encoding.DecodeString(found[1]); err == nil && json.Valid(claims) {
					return string(claims)
				}
			}
		}
	}
	return ""
}
