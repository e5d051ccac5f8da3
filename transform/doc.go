// Package transform turns one chatMessage, the JSON that Graph sent, into one typed record, and back.
//
// It promises:
//
//   - Identify, a cheap look at one item, tells which version of which message it is; the headers made
//     from that identity give the same identity back (invariants 2, 3).
//   - Message loses nothing. What no field of the record holds, or holds exactly, stands in the
//     record's unmapped map, so that JSON rebuilds an item with the same values (null and absent count
//     as the same, times as instants, and the order of members as free). What it cannot convert it
//     refuses, with an error that says why and holds no value of the item (invariants 1, 7).
//   - A Policy that leaves bodies out does so for dead letters as well.
//
// All of it is pure: no clock, no I/O, no state that one item leaves behind for the next. The package
// must not know HTTP or Kafka.
package transform
