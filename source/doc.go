// Package source reads Microsoft Graph: it signs in, obeys the throttling, pages through
// getAllMessages and decides which user's which stretch of time is read next.
//
// The way through it: [Poller] picks a user, [Ladder] says what window is due and cuts it into
// slices, [Client] fetches the pages of a slice one by one, and every page goes out as a [Delivery].
// The last delivery of a slice carries the position that holds once everything before it is durable.
//
// It promises that a position it hands out never passes an instant that was not read (invariant 1),
// that Graph is asked no more than allowed (invariant 6), that the token goes to Graph alone
// (invariant 7), and that one user's trouble stays that user's (invariant 8).
//
// It knows nothing of Kafka or Avro, and of an item only where it begins and ends.
package source
