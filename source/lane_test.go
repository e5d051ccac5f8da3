package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answering answers the users whose name begins with "slow" after so long, and the others after 200 ms.
func answering(after time.Duration) func(*http.Request) error {
	return func(r *http.Request) error {
		wait := 200 * time.Millisecond
		if strings.Contains(r.URL.Path, "/slow") {
			wait = after
		}
		select {
		case <-r.Context().Done():
			return r.Context().Err()
		case <-time.After(wait):
			return nil
		}
	}
}

func slowAndFast(slow, fast int) (users []string) {
	for i := range slow {
		users = append(users, fmt.Sprintf("slow%d", i))
	}
	for i := range fast {
		users = append(users, fmt.Sprintf("fast%d", i))
	}
	return users
}

func emptyAnswer(int, *http.Request) (int, http.Header, string) { return 200, nil, emptyPage }

// Mailboxes that hang take no more than their share of the eight slots: the others keep their interval.
func TestLane_OthersKeepTheirIntervalWhileMailboxesHang(t *testing.T) {
	for _, hanging := range []int{12, 24, 40} {
		t.Run(fmt.Sprintf("%d of 80", hanging), func(t *testing.T) {
			g := &graph{answer: emptyAnswer, broken: answering(time.Hour)}
			g.poll(t, slowAndFast(hanging, 80-hanging), 30*time.Second, 21*time.Minute, func(p *Poller, _ *delivered) {
				for user, polls := range g.polls() {
					if strings.HasPrefix(user, "fast") && polls < 40 {
						t.Errorf("%s was polled %d times in 21 minutes, at least 40 of 42 were possible", user, polls)
					}
				}
				if n := len(p.Status().Suspended); n != hanging {
					t.Errorf("%d users are suspended, want the %d that hang, those being read included", n, hanging)
				}
				if n := p.Status().Slow; n != hanging {
					t.Errorf("%d users are called slow, want %d", n, hanging)
				}
				if s := p.Status().Stalled; s != nil {
					t.Errorf("the tenant is called stalled: %+v", s)
				}
			})
		})
	}
}

// Mailboxes that take half a minute for each request are read, in the slow lane.
func TestLane_SlowMailboxesAreRead(t *testing.T) {
	g := &graph{answer: emptyAnswer, broken: answering(30 * time.Second)}
	users := slowAndFast(6, 20)
	g.poll(t, users, time.Minute, time.Hour, func(_ *Poller, d *delivered) {
		for _, user := range users {
			pos, ok := d.position(user)
			if !ok {
				t.Errorf("%s was never read", user)
				continue
			}
			if mark, _ := pos.Mark(time.Minute); strings.HasPrefix(user, "slow") && time.Since(time.UnixMilli(mark)) > 10*time.Minute {
				t.Errorf("%s was read up to %v ago", user, time.Since(time.UnixMilli(mark)))
			}
		}
	})
}

// When the whole service becomes slow, patience follows, and the users return to the other slots: 40 users
// and 12 s for a request keep eight slots busy for a minute, and two for four.
func TestLane_ASlowServiceIsNotSlowMailboxes(t *testing.T) {
	g := &graph{answer: emptyAnswer, broken: answering(12 * time.Second)}
	users := slowAndFast(40, 0)
	g.poll(t, users, 2*time.Minute, 2*time.Hour, func(p *Poller, d *delivered) {
		for _, user := range users {
			pos, _ := d.position(user)
			if mark, _ := pos.Mark(time.Minute); time.Since(time.UnixMilli(mark)) > 4*time.Minute {
				t.Errorf("%s was read up to %v ago", user, time.Since(time.UnixMilli(mark)))
			}
		}
		if s := p.Status(); len(s.Suspended) > 0 {
			t.Errorf("%d users are suspended, for %s", len(s.Suspended), s.Suspended[0].Detail)
		}
	})
}

// A mailbox that hung and no longer does leaves the slow lane with its first page.
func TestLane_AMailboxThatHungReturns(t *testing.T) {
	g := &graph{answer: emptyAnswer, broken: answering(time.Hour)}
	g.poll(t, slowAndFast(8, 8), 30*time.Second, time.Hour, func(p *Poller, d *delivered) {
		g.heal()
		<-time.After(ownLongest * 2)
		if n := p.Status().Slow; n != 0 {
			t.Errorf("%d users are still called slow", n)
		}
		before := g.polls()
		<-time.After(10 * time.Minute)
		for user, polls := range g.polls() {
			if polls -= before[user]; polls < 19 {
				t.Errorf("%s was polled %d times in 10 minutes, want 20", user, polls)
			}
		}
	})
}

// When an outage in which requests hang is over, the probes that still wait do not hold their slots.
func TestLane_ProbesThatHangEndWithTheOutage(t *testing.T) {
	g := &graph{answer: emptyAnswer, broken: answering(time.Hour)}
	g.poll(t, slowAndFast(40, 0), 30*time.Second, time.Hour, func(_ *Poller, d *delivered) {
		g.heal()
		<-time.After(2*requestTimeout + outageLongest)
		before := g.polls()
		<-time.After(10 * time.Minute)
		for user, polls := range g.polls() {
			if polls -= before[user]; polls < 19 {
				t.Errorf("%s was polled %d times in 10 minutes, want 20", user, polls)
			}
		}
	})
}

// The time that a request waits because the tenant is held is not the request's.
func TestTimeLimit_StopsWhileTheTenantIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, end := newTimeLimit(context.Background(), 5*time.Second)
		defer end()
		<-time.After(4 * time.Second)
		l.pause()
		<-time.After(time.Hour)
		if l.ctx.Err() != nil {
			t.Fatal("given up while held")
		}
		l.resume()
		<-time.After(4 * time.Second)
		if l.ctx.Err() != nil {
			t.Fatal("given up after 4 s of 5")
		}
		<-time.After(2 * time.Second)
		if err := l.cause(l.ctx.Err()); !errors.Is(err, errTimeout) || !strings.Contains(err.Error(), "5s") {
			t.Errorf("cause %v", err)
		}
	})
}
