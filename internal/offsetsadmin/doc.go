// Package offsetsadmin lets an operator look at the positions of one tenant and change them.
//
// [Load], [Find] and [Export] only read. A change is a [Planner] ([Rewind], [Delete] or [Import])
// that [Apply] carries out. Apply refuses while a process is in the consumer group, fences the
// tenant's transactional ID, reads the positions, shows the plan, asks, and writes.
//
// It promises that a change is written as a whole or not at all if there are transactions, that no
// process that was paused can overwrite it (invariant 4), and that nothing that could lose messages
// (invariant 1) is written unless the operator allowed it.
//
// It must not know Graph, the environment or the command line: [Config] says what to reach, and an
// [Operator] is shown the plan and answers.
package offsetsadmin
