package source

import (
	"fmt"
	"strings"
	"testing"
)

// A script is a row of answers: "a+" a page of user a, "a-" a failure, "a*" a failure of another class,
// "a!" a failure of a's own.
func TestEvidence_TheTenantIsToBlameOnlyIfNobodyElseSucceeds(t *testing.T) {
	for name, c := range map[string]struct {
		users  int
		script string
		want   bool // whether the last failure is the tenant's
	}{
		"one user of many":                              {50, "a-", false},
		"one user again and again":                      {50, "a- a- a- a- a- a- a- a- a-", false},
		"one user, others succeed":                      {3, "b+ a- c+ a- b+ a- a- a-", false},
		"a single user is its tenant":                   {1, "a-", true},
		"a single user that succeeded":                  {1, "a+ a-", true},
		"all of three":                                  {3, "a- b- c-", true},
		"two of three":                                  {3, "a- b-", false},
		"two of three, the third has its own trouble":   {3, "c! a- b-", true},
		"one of three, the others with their own":       {3, "b! c! a-", true},
		"enough of many":                                {50, "a- b- c- d- e-", true},
		"not enough of many":                            {50, "a- b- c- d-", false},
		"enough, not all alike":                         {50, "a- b- c* d- e-", false},
		"a success in between":                          {50, "a- b- c+ d- e- f- g-", false},
		"enough after a success":                        {50, "a- b- c+ d- e- f- g- h-", true},
		"those that failed alone do not count":          {50, "a- b- c- z+ a- b- c- d- e- f- g-", false},
		"they count again once they succeeded":          {50, "a- z+ a+ a- b- c- d- e-", true},
		"all of two, one of which failed alone":         {2, "a- b+ a- b-", true},
		"one that failed alone, the other was not seen": {2, "a- b+ a- a-", false},
	} {
		e := newEvidence()
		var got bool
		other := fmt.Errorf("another class")
		for step := range strings.FieldsSeq(c.script) {
			user := step[:1]
			switch step[1] {
			case '+':
				e.success(user)
			case '-':
				got = e.failure(user, ErrUnpaid, enoughDefinite, c.users)
			case '*':
				got = e.failure(user, other, enoughDefinite, c.users)
			case '!':
				e.exclude(user)
			}
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestEvidence_AUserThatIsForgottenNoLongerCounts(t *testing.T) {
	e := newEvidence()
	e.failure("a", ErrUnpaid, enoughDefinite, 9)
	e.success("b") // a failed alone
	e.failure("c", ErrUnpaid, enoughDefinite, 9)
	e.forget("a")
	e.forget("c")
	if e.failure("d", ErrUnpaid, enoughDefinite, 3) {
		t.Error("two users that are no longer polled made one failure of three the tenant's")
	}
}

func TestEvidence_ARowIsTheUsersOwnWhenChanceWouldHardlyMakeIt(t *testing.T) {
	for name, c := range map[string]struct {
		failures, succeeded, failed int
		want                        bool
	}{
		"others were not asked":               {100, 0, 0, false},
		"all others fail":                     {100, 0, 1000, false},
		"one failure among thousands":         {1, 10_000, 0, false},
		"two, others flawless":                {2, 10_000, 0, true},
		"two, others hardly asked":            {2, 50, 0, false},
		"three, others flawless":              {3, 400, 0, true},
		"three at 1 %":                        {3, 9900, 100, false},
		"five at 1 %":                         {5, 9900, 100, true},
		"five at 5 %":                         {5, 9500, 500, false},
		"six at 5 %":                          {6, 9500, 500, true},
		"eight at half":                       {8, 500, 500, false},
		"thirty at half":                      {30, 500, 500, true},
		"eight beside a single other success": {8, 1, 0, false},
		"twenty beside few other successes":   {20, 3, 0, true},
	} {
		e := newEvidence()
		r := row{}
		e.extend(&r)
		r.failures = c.failures
		e.succeeded, e.failed = c.succeeded, c.failed+c.failures
		if got := e.own(r); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
