// Package worker runs one tenant's stream: it takes the tenant over, reads back what is already in the
// topic, polls, writes, commits, and starts over from the topic when any of that fails.
//
// The path of a message: the source delivers a page to [session.deliver]; [admission] compares each
// item's identity with the index, and transforms and encodes what is new; [transaction] writes it and
// makes records and positions visible together. [roster] knows the users and where their streams stand;
// [reach] is how far back the index knows the topic.
//
// [Group] decides which process runs which tenant.
//
// It promises that a position is committed only with or after everything it rests on (invariant 1).
package worker
