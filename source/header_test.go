package source

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter_WhateverTheHeaderHoldsTheWaitIsWithinBounds(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		values  []string
		want    time.Duration
		bounded bool
	}{
		{nil, 0, false}, {[]string{""}, 0, false}, {[]string{"0"}, 0, false}, {[]string{"-3"}, 0, false}, {[]string{"soon"}, 0, false},
		{[]string{"NaN"}, 0, false}, {[]string{"Inf"}, 0, false}, {[]string{"-Inf"}, 0, false}, {[]string{"0x10"}, 0, false}, {[]string{"1e3"}, 0, false}, {[]string{"."}, 0, false},
		{[]string{"10"}, 10 * time.Second, false}, {[]string{"2.128"}, 3 * time.Second, false}, {[]string{" 7 "}, 7 * time.Second, false}, {[]string{"0.001"}, time.Second, false},
		{[]string{"Fri, 02 Jan 2026 03:04:35 GMT"}, 30 * time.Second, false}, {[]string{"Fri, 02 Jan 2026 03:04:05 GMT"}, 0, false},
		{[]string{"Thu, 01 Jan 1970 00:00:00 GMT"}, 0, false}, {[]string{"Mon, 01 Jan 0000 00:00:00 GMT"}, 0, false},
		{[]string{"Friday, 02-Jan-26 03:04:35 GMT"}, 30 * time.Second, false}, {[]string{"Fri Jan  2 03:04:35 2026"}, 30 * time.Second, false},
		// Several values, or several fields, mean the longest.
		{[]string{"30,120"}, 120 * time.Second, false}, {[]string{"120, 30"}, 120 * time.Second, false}, {[]string{"30", "120"}, 120 * time.Second, false},
		{[]string{"5, Fri, 02 Jan 2026 03:04:35 GMT"}, 30 * time.Second, false}, {[]string{"soon", "7"}, 7 * time.Second, false},
		// No wait is longer than an hour, and none overflows.
		{[]string{"3600"}, time.Hour, false}, {[]string{"3601"}, time.Hour, true}, {[]string{"950400"}, time.Hour, true},
		{[]string{"Fri, 31 Dec 9999 23:59:59 GMT"}, time.Hour, true}, {[]string{"9223372036854775807"}, time.Hour, true},
		{[]string{"99999999999999999999999999999999999999999999"}, time.Hour, true}, {[]string{"9223372036.9"}, time.Hour, true},
		{[]string{"1", "Fri, 31 Dec 9999 23:59:59 GMT"}, time.Hour, true},
	} {
		h := http.Header{"Date": {now.Format(http.TimeFormat)}, "Retry-After": c.values}
		// Our own clock is wrong by an hour: a date is measured against Graph's.
		if got, bounded := retryAfter(h, now.Add(time.Hour)); got != c.want || bounded != c.bounded {
			t.Errorf("%q: %v, bounded %v; want %v, %v", c.values, got, bounded, c.want, c.bounded)
		}
	}
	// A response's own Date may be as wrong as its Retry-After.
	for _, date := range []string{"Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "nonsense", ""} {
		h := http.Header{"Date": {date}, "Retry-After": {"Fri, 02 Jan 2026 03:04:35 GMT"}}
		if got, _ := retryAfter(h, now); got < 0 || got > time.Hour {
			t.Errorf("Date %q: %v", date, got)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"10", "2.128", "30,120", "Fri, 31 Dec 9999 23:59:59 GMT", "NaN", "1e400", "-1"} {
		f.Add(seed, seed, "Fri, 02 Jan 2026 03:04:35 GMT")
	}
	f.Fuzz(func(t *testing.T, one, two, date string) {
		wait, bounded := retryAfter(http.Header{"Retry-After": {one, two}, "Date": {date}}, time.Now())
		if wait < 0 || wait > maxRetryAfter || wait%time.Second != 0 || bounded && wait != maxRetryAfter {
			t.Errorf("%q, %q at %q: %v, %v", one, two, date, wait, bounded)
		}
	})
}

func TestClaimsChallenge_IsFoundInEveryField(t *testing.T) {
	const claims = `{"access_token":{"nbf":{"essential":true}}}`
	challenge := `Bearer realm="", error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`
	for name, fields := range map[string][]string{
		"the only field":                    {challenge},
		"the second field":                  {`Bearer realm="", authorization_uri="https://login.test"`, challenge},
		"the second challenge of a field":   {`Basic realm="x", ` + challenge},
		"another spelling":                  {`Bearer CLAIMS="` + base64.RawURLEncoding.EncodeToString([]byte(claims)) + `"`},
		"behind claims that are not JSON":   {`Bearer claims="bm9uc2Vuc2U="`, challenge},
		"behind claims that are not base64": {`Bearer claims="///="`, challenge},
	} {
		if got := claimsChallenge(http.Header{"Www-Authenticate": fields}); got != claims {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := claimsChallenge(http.Header{"Www-Authenticate": {`Bearer realm=""`, `Bearer claims=""`}}); got != "" {
		t.Errorf("without a challenge: %q", got)
	}
}

func FuzzClaimsChallenge(f *testing.F) {
	f.Add(`Bearer claims="e30="`)
	f.Fuzz(func(_ *testing.T, field string) { claimsChallenge(http.Header{"Www-Authenticate": {field, field}}) })
}
