package source

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// chatter is a Graph whose users get a message every five minutes. It notes when each was first shown.
type chatter struct {
	began time.Time
	shown map[string]time.Duration // the age of each message when it was first shown
}

var boundPattern = regexp.MustCompile(`lastModifiedDateTime (gt|lt) (\S+)`)

func (c *chatter) page(r *http.Request, user string, now time.Time) string {
	var from, to time.Time
	for _, m := range boundPattern.FindAllStringSubmatch(r.URL.Query().Get("$filter"), -1) {
		at, _ := time.Parse(time.RFC3339Nano, m[2])
		if m[1] == "gt" {
			from = at
		} else {
			to = at
		}
	}
	var items []string
	for at := c.began.Add(90 * time.Second); !at.After(now); at = at.Add(5 * time.Minute) {
		if at.After(from) && at.Before(to) {
			id := user + " " + at.Sub(c.began).String()
			if _, known := c.shown[id]; !known {
				c.shown[id] = now.Sub(at)
			}
			items = append(items, fmt.Sprintf(`{"id":%q}`, id))
		}
	}
	return page("", items...)
}

// clockCase is what the clocks do. In all of them the monotonic clock is right, and g.wall and the Date
// can be wrong.
type clockCase struct {
	answer func(since time.Duration, n int, user string) (status int, date string) // date "" is the right one
	wall   func(since time.Duration) time.Duration                                 // how far this machine's clock is ahead
	rewind bool                                                                    // positions may be moved back
	quiet  bool                                                                    // nothing is in doubt
}

// ahead returns a Date that is so far ahead.
func (c *chatter) ahead(since, by time.Duration) string {
	return c.began.Add(since + by).UTC().Format(http.TimeFormat)
}

// With any of these clocks each message is read within an interval and what it takes to ask for the clock
// again, and the reason is in the log.
func TestClock_NoUserWaitsForAWrongClock(t *testing.T) {
	const interval = 10 * time.Minute
	c := &chatter{}
	during := func(from, to time.Duration, date func(since time.Duration) string) func(time.Duration, int, string) (int, string) {
		return func(since time.Duration, _ int, _ string) (int, string) {
			if since >= from && since < to {
				return 200, date(since)
			}
			return 200, ""
		}
	}
	once := func(status, at int, date string) func(time.Duration, int, string) (int, string) {
		return func(_ time.Duration, n int, _ string) (int, string) {
			if n == at {
				return status, date
			}
			return 200, ""
		}
	}
	fixed := func(date string) func(time.Duration) string { return func(time.Duration) string { return date } }
	step := func(by time.Duration) func(time.Duration) time.Duration {
		return func(since time.Duration) time.Duration {
			if since > time.Hour {
				return by
			}
			return 0
		}
	}
	const year1970, year9999 = "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"
	for name, k := range map[string]clockCase{
		"right":                           {quiet: true},
		"one 502 of 1970":                 {answer: once(502, 7, year1970), quiet: true},
		"the first answer is of 1970":     {answer: once(200, 1, year1970)},
		"one answer of 1970":              {answer: once(200, 7, year1970)},
		"one answer of 9999":              {answer: once(200, 7, year9999)},
		"one answer a day behind":         {answer: once(200, 7, "Fri, 31 Dec 1999 00:30:00 GMT")},
		"the first answer a day behind":   {answer: once(200, 1, "Fri, 31 Dec 1999 00:30:00 GMT"), rewind: true},
		"one answer a day ahead":          {answer: once(200, 7, "Sun, 02 Jan 2000 00:30:00 GMT")},
		"an hour of 1970":                 {answer: during(time.Hour, 2*time.Hour, fixed(year1970))},
		"an hour of 9999":                 {answer: during(time.Hour, 2*time.Hour, fixed(year9999))},
		"an hour of 1970 at the start":    {answer: during(0, time.Hour, fixed(year1970))},
		"an hour without a clock's Date":  {answer: during(time.Hour, 2*time.Hour, fixed("none")), quiet: true},
		"an hour of garbage":              {answer: during(time.Hour, 2*time.Hour, fixed("yesterday, at noon")), quiet: true},
		"always garbage":                  {answer: during(0, 9*time.Hour, fixed("-1")), quiet: true},
		"three hours ahead for an hour":   {answer: during(time.Hour, 2*time.Hour, func(s time.Duration) string { return c.ahead(s, 3*time.Hour) })},
		"ahead at the start, for an hour": {answer: during(0, time.Hour, func(s time.Duration) string { return c.ahead(s, 3*time.Hour) })},
		"one user's host is of 1970": {answer: func(_ time.Duration, _ int, user string) (int, string) {
			if user == "u01" {
				return 200, year1970
			}
			return 200, ""
		}},
		"one user's host is three hours behind": {rewind: true, answer: func(s time.Duration, _ int, user string) (int, string) {
			if user == "u01" {
				return 200, c.ahead(s, -3*time.Hour)
			}
			return 200, ""
		}},
		"this machine 5 h forward":  {wall: step(5 * time.Hour)},
		"this machine 5 h back":     {wall: step(-5 * time.Hour)},
		"this machine a day ahead":  {wall: step(24 * time.Hour)},
		"this machine a day behind": {wall: step(-24 * time.Hour)},
		"this machine ahead, corrected": {wall: func(since time.Duration) time.Duration {
			if since < 2*time.Hour {
				return 5 * time.Hour
			}
			return 0
		}},
		// The monotonic clock does not move meanwhile, so all others jump.
		"suspended for 5 h": {wall: step(5 * time.Hour), answer: during(time.Hour+time.Nanosecond, 9*time.Hour, func(s time.Duration) string {
			return c.ahead(s, 5*time.Hour)
		})},
	} {
		t.Run(name, func(t *testing.T) {
			c.shown = make(map[string]time.Duration)
			suspended := strings.HasPrefix(name, "suspended")
			now := func() time.Time { // by a right clock
				if suspended && time.Since(c.began) > time.Hour {
					return time.Now().Add(5 * time.Hour)
				}
				return time.Now()
			}
			g := &graph{}
			g.wall = func() time.Time {
				if c.began.IsZero() || k.wall == nil {
					return time.Now()
				}
				return time.Now().Add(k.wall(time.Since(c.began)))
			}
			g.answer = func(n int, r *http.Request) (int, http.Header, string) {
				user := g.requests[n-1].user
				status, date := 200, ""
				if k.answer != nil {
					status, date = k.answer(time.Since(c.began), n, user)
				}
				header := http.Header{}
				switch date {
				case "":
				case "none":
					header["Date"] = []string{}
				default:
					header.Set("Date", date)
				}
				if status != 200 {
					return status, header, ""
				}
				return 200, header, c.page(r, user, now())
			}
			c.began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when every bubble begins
			g.poll(t, []string{"u00", "u01", "u02"}, interval, 6*time.Hour, func(p *Poller, d *delivered) {
				end := now().Sub(c.began)
				for _, user := range []string{"u00", "u01", "u02"} {
					items := d.all(user)
					for at := 90 * time.Second; at < end-interval-2*askClock; at += 5 * time.Minute {
						id := user + " " + at.String()
						if !strings.Contains(items, fmt.Sprintf("%q", id)) {
							t.Errorf("%s was never delivered", id)
							return
						}
						if asleep := suspended && at > time.Hour-interval && at < 6*time.Hour; !asleep && c.shown[id] > interval+2*askClock {
							t.Errorf("%s was shown after %v", id, c.shown[id])
							return
						}
					}
				}
				if polls := g.asked(); polls > 3*(6*6+2)+6*60 {
					t.Errorf("%d requests", polls)
				}
				if doubt, said := testutil.ToFloat64(p.cfg.Metrics.doubt), p.Status().Clock; doubt == 1 != (said != "") {
					t.Errorf("the metric is %v, the status says %q", doubt, said)
				}
				skew := testutil.ToFloat64(p.cfg.Metrics.skew)
				if unknown := name == "always garbage"; math.IsNaN(skew) != unknown {
					t.Errorf("the metric says that the clocks differ by %v", skew)
				}
				if s := p.Status(); s.Clock != "" && k.wall == nil && !strings.HasPrefix(name, "one user's") {
					t.Errorf("still in doubt: %s", s.Clock)
				}
			})
			log := g.log.String()
			if n := strings.Count(log, "moved back"); n > 0 && !k.rewind {
				t.Errorf("positions were moved back %d times", n)
			}
			began, ended := strings.Count(log, "clock in doubt"), strings.Count(log, "clock no longer in doubt")
			if long := strings.Contains(name, "an hour") || strings.HasPrefix(name, "this machine"); long && !k.quiet && began == 0 {
				t.Errorf("the log does not say that a clock is in doubt: %s", log)
			}
			if k.quiet && began > 0 {
				t.Errorf("a clock was in doubt: %s", log)
			}
			if ended > began || began > ended+1 {
				t.Errorf("the doubt began %d times and ended %d times", began, ended)
			}
		})
	}
}
