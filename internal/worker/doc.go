// Package worker runs one tenant's stream: it takes the tenant over, reads back what is already in the
// topic, polls, writes, commits, and starts over from the topic when anything of that fails.
//
// The way of a message through it: the source delivers a page to [session.deliver]; each item's
// identity is compared with the index; what is new is transformed, encoded and written; the commit
// loop makes records and positions visible together.
//
// [Group] decides which process runs which tenant.
//
// It promises that a position is committed only with or after everything it stands for (invariant 1).
package worker
