package judge

import (
	"fmt"
	"time"
)

// settle gives every version of the ledger its place in the count, after all topics have been read.
func settle(config *Config, ledger *ledger, positions *positions, verdict *Verdict) {
	for i := range ledger.versions {
		at := int32(i)
		v := &ledger.versions[at]
		switch {
		case v.showing == none:
			verdict.Unseen++
		case v.records > 0:
			verdict.Exposed++
			verdict.InTopic++
			if config.WrittenAt {
				ahead(ledger, positions, verdict, at)
			}
			if v.letters > 0 {
				verdict.find(Duplicated, "%s is at partition %d offset %d and in the dead letters too",
					ledger.name(at), v.partition, v.offset)
			}
		case v.letters > 0:
			verdict.Exposed++
			verdict.DeadLetters++
		case ledger.surelyShown(at):
			verdict.Exposed++
			absent(ledger, positions, verdict, at)
		}
	}
}

// ahead finds a window that was committed before a version that it showed was written. A commit since a reading that lacked the
// version may be that reading's: the process that saw it before may have died with what it had read.
func ahead(ledger *ledger, positions *positions, verdict *Verdict, at int32) {
	v := &ledger.versions[at]
	for s := v.showing; s != none; s = ledger.showings[s].next {
		showing := ledger.showings[s]
		user := ledger.users[showing.user]
		commit, ok := positions.committed(user, showing, v.time)
		if showing.missed != nothing && commit >= showing.missed {
			continue
		}
		if ok && !showing.cut && commit < v.written && newerShown(ledger, at, commit, true) == none {
			verdict.find(Ahead, "%s: written at %s, after the position of user %s that was stored at %s",
				ledger.name(at), clock(v.written), user, clock(commit))
			return
		}
	}
}

// absent decides whether a version that is nowhere was superseded: a newer one of its message was
// shown before the window that showed it was committed (invariant 2). Of several windows the first
// commit counts, because from then on the version should have been there. A window that was read again, when Graph no longer
// showed the version in it, counts as not committed before that: the first reading may have been lost on its way, or with the process
// or the transaction that it belonged to.
func absent(ledger *ledger, positions *positions, verdict *Verdict, at int32) {
	v := &ledger.versions[at]
	var commit, shown int64
	var committed bool
	var seenBy string
	for s := v.showing; s != none; s = ledger.showings[s].next {
		showing := ledger.showings[s]
		if showing.cut {
			continue
		}
		user := ledger.users[showing.user]
		if seenBy == "" {
			seenBy, shown = user, showing.at
		}
		if when, ok := positions.committed(user, showing, v.time); ok && (!committed || when < commit) {
			commit, committed = when, true
			seenBy, shown = user, showing.at
		}
	}
	if !committed {
		verdict.Uncommitted++
	}
	newer := none
	if !v.bad {
		newer = newerShown(ledger, at, commit, committed)
	}
	if newer != none {
		verdict.Superseded++
		return
	}
	ending := "its window was never committed"
	if committed {
		ending = "its window was committed at " + clock(commit)
	}
	verdict.find(Missing, "%s: shown to user %s at %s, %s%s", ledger.name(at), seenBy, clock(shown), ending,
		nextShown(ledger, at))
}

// newerShown finds a newer version of the same message that was shown by the time of the commit, or at
// any time if there was none. Both times are cut to milliseconds, hence "by" and not "before".
func newerShown(ledger *ledger, at int32, commit int64, committed bool) int32 {
	v := &ledger.versions[at]
	for sibling := ledger.messages[v.message].newest; sibling != none; sibling = ledger.versions[sibling].sibling {
		if ledger.versions[sibling].seq <= v.seq {
			continue
		}
		if first, shown := ledger.firstShown(sibling); shown && (!committed || first <= commit) {
			return sibling
		}
	}
	return none
}

// nextShown says for an example line when a newer version was first shown, if at all.
func nextShown(ledger *ledger, at int32) string {
	newer := newerShown(ledger, at, 0, false)
	if newer == none || ledger.versions[at].bad {
		return ", nothing newer was shown"
	}
	first, _ := ledger.firstShown(newer)
	return fmt.Sprintf(", the newer seq %d was shown only at %s", ledger.versions[newer].seq, clock(first))
}

// clock writes Unix milliseconds for an example line.
func clock(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z")
}
