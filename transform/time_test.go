package transform

import (
	"regexp"
	"testing"
	"time"
)

func TestParseTime_TakesWhatGraphWrites(t *testing.T) {
	for text, want := range map[string]int64{
		"2021-05-25T20:12:14.864Z":           1621973534864,
		"2021-05-25T20:12:14.86Z":            1621973534860,
		"2021-05-25T20:12:14.8Z":             1621973534800,
		"2021-05-25T20:12:14Z":               1621973534000,
		"2021-05-25T20:12:14.8649999Z":       1621973534864,
		"2021-05-25T22:12:14.864+02:00":      1621973534864,
		"2021-05-25T15:42:14.864-04:30":      1621973534864,
		"0001-01-01T00:00:00Z":               -62135596800000,
		"9999-12-31T23:59:59.999Z":           253402300799999,
		"1969-12-31T23:59:59.9995Z":          -1,
		"2000-02-29T00:00:00Z":               951782400000,
		"2024-12-31T23:59:59.12345678901Z":   1735689599123,
		"1970-01-01T00:00:00.000000000000Z":  0,
		"0001-01-01T01:00:00.0000000+01:00":  -62135596800000,
		"9999-12-31T23:59:59.9999999999999Z": 253402300799999,
	} {
		got, err := ParseTime(text)
		if err != nil || got.UnixMilli() != want {
			t.Errorf("%s: want %d, got %d, %v", text, want, got.UnixMilli(), err)
		}
	}
}

func TestParseTime_RefusesWhatIsNoTime(t *testing.T) {
	for _, text := range []string{
		"", "2021-03-1706:47:05.123Z", "2021-05-25", "2021-05-25T20:12:14", "2021-05-25t20:12:14Z", "2021-05-25T20:12:14z",
		"2021-05-25 20:12:14Z", "2021-13-01T00:00:00Z", "2021-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2021-04-31T00:00:00Z",
		"2021-05-00T00:00:00Z", "2021-05-25T24:00:00Z", "2021-05-25T20:60:00Z", "2021-05-25T20:12:60Z", "2021-05-25T20:12:14.Z",
		"2021-05-25T20:12:14,5Z", "2021-05-25T20:12:14+24:00", "2021-05-25T20:12:14+02:60", "2021-05-25T20:12:14+0200",
		"0000-12-31T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "12021-05-25T20:12:14Z",
		"2021-05-25T20:12:14Z ", "-021-05-25T20:12:14Z", "2021-05-25T2:12:14.0Z",
	} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("%s was taken for %s", text, got)
		}
	}
}

// strictTime is the grammar of RFC 3339, of which time.Time.UnmarshalText takes more than it says.
var strictTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func FuzzParseTime_EqualsTheStandardLibrarys(f *testing.F) {
	for _, seed := range []string{"2021-05-25T20:12:14.864Z", "2021-05-25T22:12:14.8649999+02:00", "0000-02-29T23:59:59Z",
		"0001-01-01T00:00:00+00:01", "2021-03-1706:47:05.123Z", "2000-02-29T00:00:00.1234567890123-23:59"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, gotErr := ParseTime(text)
		var want time.Time
		wantErr := want.UnmarshalText([]byte(text))
		if !strictTime.MatchString(text) {
			wantErr = errNoTime
		}
		if year := want.UTC().Year(); year < 1 || year > 9999 {
			wantErr = errNoTime
		}
		if (gotErr == nil) != (wantErr == nil) || (gotErr == nil && !got.Equal(want)) {
			t.Errorf("%q: want %v, %v, got %v, %v", text, want, wantErr, got, gotErr)
		}
	})
}

func TestDurationMillis(t *testing.T) {
	for text, want := range map[string]int64{
		"PT59S": 59_000, "PT40M19.26S": 2_419_260, "P1DT2H": 93_600_000, "PT0S": 0, "-PT1.5S": -1500, "P2W": 1_209_600_000,
		"PT1H0M0.0019S": 3_600_001, "PT9223372036854775.807S": 9223372036854775807, "PT0.1S": 100,
	} {
		if got, ok := durationMillis(text); !ok || got != want {
			t.Errorf("%s: want %d, got %d, %v", text, want, got, ok)
		}
	}
	for _, text := range []string{
		"", "P", "PT", "P1", "59", "PT59", "P1Y", "P1M", "PT1M1H", "PT1S1S", "P1DT", "PT1.S", "PT.5S", "PT1.5M", "PT-1S", "P1H", "PT1D",
		"PTT1S", "PT9223372036854775.808S", "PT99999999999999999999S", "+PT1S", "pt1s", "PT1S ", "--PT1S",
	} {
		if got, ok := durationMillis(text); ok {
			t.Errorf("%q was taken for %d ms", text, got)
		}
	}
}

func FuzzDurationMillis_NeverOverflows(f *testing.F) {
	f.Add("P106751991167DT7H12M55.807S")
	f.Fuzz(func(t *testing.T, text string) {
		millis, ok := durationMillis(text)
		if ok && (millis < 0) != (text[0] == '-') && millis != 0 {
			t.Errorf("%q is %d ms", text, millis)
		}
	})
}
