// Package transform turns one chatMessage, as JSON from Graph, into one typed record, and back.
//
// It promises:
//
//   - Identify reads only as much of an item as it takes to name its message and version. Headers made
//     from that identity give the same identity back (invariants 2, 3).
//   - Message loses nothing. The unmapped map of the record takes every value that no field holds
//     exactly, so JSON can rebuild an item with equal values (null equals absent, times compare as
//     instants, members have no order). It refuses an item it cannot convert, with an error that says
//     why and contains no value of the item (invariants 1, 7).
//   - A Policy that drops bodies drops them from dead letters as well.
//
// The package is pure: no clock, no I/O, and no state carried from one item to the next. It must not
// know HTTP, and knows of Kafka only the type of the record that it builds.
package transform
