// Package offsets keeps the position of each polled user.
//
// A [Position] says how far a user's stream has been read: one mark per rung of the lookback ladder
// and, while one is under way, the window in progress. It is stored in a compacted topic in Kafka
// Connect's own format, so that Connect's tools and any Kafka client can read it: the key is
// ["<name>",{"user":"…","tenant":"…"}], the value a flat JSON object of primitives, a null value
// means that there is no position.
//
// The package promises that a position which was written by any earlier version is read for ever,
// and that keys are compared by what they say, not by their bytes.
//
// [Read] is for the worker, [Snapshot] for an operator who looks at positions or changes them;
// [Position.Rewound], [Position.Skipped] and [Position.Skips] say what a change means, and [AppendLine] and
// [ParseLines] carry positions from one cluster to another.
//
// It knows nothing of Graph or HTTP, and it does not write: the records it makes are produced by the
// sink, in the transaction that holds the messages they speak of.
package offsets
