// Package audit compares what Graph shows of a stretch of time with what the topic holds of it.
//
// It reads Graph anew, user by user, and then the topic and its dead letters up to their present ends, in
// this order: what Graph showed has had its chance to be written by then. A version that Graph shows is
// present (in the topic or in the dead letters), superseded (the topic holds a newer one of the same
// message), or missing (the topic holds older ones only, or none). A version that only the topic holds is
// no loss: Graph shows the newest version alone, and purges deleted messages after 21 days.
//
// It promises that it never writes: it makes no producer and joins no group. It asks Graph through the
// gate of the client it is given, so that the rate is bounded (invariant 6).
//
// Its memory grows with the versions of the range, in Graph and in the topic, by at most [VersionBytes]
// each, and with the ids of their chats; bodies are not kept.
//
// It must not know the command line or the configuration.
package audit
