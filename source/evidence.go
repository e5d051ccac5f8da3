package source

import (
	"maps"
	"math"
	"slices"
)

// evidence weighs the answers that a tenant's users get, and so tells a user's trouble from the
// tenant's (invariant 8). A failure says nothing about its scope by itself: Graph can answer 402, 429 or
// 503 for a single mailbox. What tells is whether other users succeed meanwhile with the same token,
// the same filter and the same service. It knows no clock and no lock.
type evidence struct {
	succeeded, failed int // requests that brought a page, and those that failed in a way that could be anybody's

	// failing are, by the class of the failure, the users that failed since the last success of anybody.
	failing map[error]map[string]bool
	// apart are the users that failed while others succeeded. They cannot tell anything about the tenant
	// until they succeed.
	apart map[string]bool
}

// row is a user's failures in a row.
type row struct {
	failures, successes int // the user's own; successes that brought nothing new do not end the row
	succeeded, failed   int // the tenant's, when the row began
}

// How many different users have to fail in a row, with no success of anybody in between, until the
// tenant is to blame. A definite answer, such as 402, is not a matter of chance, but some users that
// share it can be neighbors in the queue; the tenant's faults can hit so many in a row by chance.
const (
	enoughDefinite = 5
	enoughByChance = 20
)

// hardly is the chance below which a user's row of failures is not put down to chance. Large tenants
// ask ten million times a day.
const hardly = 1e-7

func newEvidence() *evidence {
	return &evidence{failing: make(map[error]map[string]bool), apart: make(map[string]bool)}
}

// success counts a page of a user.
func (e *evidence) success(user string) {
	e.succeeded++
	delete(e.apart, user)
	for class, users := range e.failing {
		for name := range users {
			if name != user {
				e.apart[name] = true
			}
		}
		delete(e.failing, class)
	}
}

// failure counts a failure of a user and reports whether it is the tenant's: enough users failed alike
// with no success of anybody in between, or no user is left that could tell otherwise. users is how many
// are polled.
func (e *evidence) failure(user string, class error, enough, users int) (everybody bool) {
	e.failed++
	if !e.apart[user] {
		if e.failing[class] == nil {
			e.failing[class] = make(map[string]bool)
		}
		e.failing[class][user] = true
	}
	alike := len(e.failing[class])
	return alike >= enough || alike > 0 && alike+len(e.apart) >= users
}

// exclude stops a user from telling anything about the tenant: it failed for its own reason.
func (e *evidence) exclude(user string) {
	e.apart[user] = true
	for _, users := range e.failing {
		delete(users, user)
	}
}

// forget drops a user who is no longer polled.
func (e *evidence) forget(user string) {
	delete(e.apart, user)
	for _, users := range e.failing {
		delete(users, user)
	}
}

// alike returns the users that failed in a class since the last success of anybody, except those that
// failed apart from others before.
func (e *evidence) alike(class error) []string {
	return slices.Collect(maps.Keys(e.failing[class]))
}

// extend adds a failure to a user's row. It is called before the failure is counted.
func (e *evidence) extend(r *row) {
	if r.failures == 0 {
		*r = row{succeeded: e.succeeded, failed: e.failed}
	}
	r.failures++
}

// others returns how many requests of other users succeeded and failed since the row began.
func (e *evidence) others(r row) (succeeded, failed int) {
	return max(0, e.succeeded-r.succeeded-r.successes), max(0, e.failed-r.failed-r.failures)
}

// own reports whether a row of failures is the user's own: others succeeded meanwhile, and at the rate
// at which they failed chance would hardly have made such a row.
func (e *evidence) own(r row) bool {
	succeeded, failed := e.others(r)
	if succeeded == 0 {
		return false
	}
	rate := float64(failed+1) / float64(succeeded+failed+2)
	return math.Pow(rate, float64(r.failures)) < hardly
}
