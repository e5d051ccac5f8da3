// Package judge reads what the connector wrote, over the network and with nothing of the connector's
// own code, and compares it with a ledger of everything the source showed.
//
// It promises to find a version that was lost, is there twice, is in the wrong order or partition,
// was invented, was altered, or cannot be decoded; and to accept a version that is absent only where
// the rule for superseded versions allows it (invariant 2): a newer version of the same message was
// shown before the window that showed the absent one was committed.
//
// It must not know the connector: it imports none of its packages, derives identities, times, header
// names and positions from bytes by itself, and decodes Avro with another library and with the schema
// that the registry gives for the id in each record. An error in the connector's code therefore
// cannot hide itself.
//
// The ledger's showings and the positions' record timestamps must come from one clock. A version takes
// about 300 bytes of memory.
//
// It reads the topics up to the high watermarks of the moment it starts, so the connector should have
// finished by then: what is still on its way is reported as missing.
package judge
