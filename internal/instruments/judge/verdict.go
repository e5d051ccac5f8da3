package judge

import "fmt"

// Finding is a kind of fault. Each makes the verdict fail.
type Finding string

// The kinds of fault.
const (
	// Missing: a version that was shown is in no topic and was not superseded.
	Missing Finding = "missing"
	// Duplicated: a version is in the topic, or in the dead letters, more than once, or in both.
	Duplicated Finding = "duplicated"
	// Reordered: an older version comes after a newer one, or a chat is spread over partitions.
	Reordered Finding = "reordered"
	// Ahead: a position was stored before a version of its window was written.
	Ahead Finding = "marks_ahead"
	// Unknown: a record or a dead letter holds what the source never showed.
	Unknown Finding = "unknown"
	// Undecodable: a record is not framed Avro of a registered schema, or a position is not a position.
	Undecodable Finding = "undecodable"
	// BodyMismatch: the body in the record is not the body that was shown.
	BodyMismatch Finding = "body_mismatch"
	// Mismatched: the record's key, headers, value and the ledger contradict each other.
	Mismatched Finding = "mismatched"
)

// Verdict is the outcome. Exposed = InTopic + Superseded + DeadLetters + Missing always holds.
type Verdict struct {
	// Exposed counts the versions and bad items that were shown for certain: in a whole response, or
	// found in a topic.
	Exposed int `json:"exposed"`
	// InTopic counts the versions that stand in the output topic, each once.
	InTopic int `json:"in_topic"`
	// Superseded counts the absent versions that were rightly passed over for a newer one.
	Superseded int `json:"superseded"`
	// Missing counts the absent versions that were not.
	Missing int `json:"missing"`
	// Duplicated counts surplus records: a version that is there three times counts two.
	Duplicated int `json:"duplicated"`
	// Reordered counts records that stand behind a newer version of their message, and records that
	// stand in another partition than the first record of their chat.
	Reordered int `json:"reordered"`
	// Ahead counts the versions that were written after a position that stands for them was stored. It is 0 unless
	// Config.WrittenAt is set.
	Ahead int `json:"marks_ahead"`
	// DeadLetters counts the versions and bad items that stand in the dead-letter topic only, each once.
	DeadLetters int `json:"dead_letters"`
	// Gaps counts the stretches of a user's time that the dead letters say the source never answered for.
	Gaps int `json:"gaps,omitempty"`
	// Seconds is how long the judgment took.
	Seconds float64 `json:"seconds"`

	// Unknown counts records and dead letters that hold what was never shown.
	Unknown int `json:"unknown"`
	// Undecodable counts records that cannot be decoded, and positions that are none.
	Undecodable int `json:"undecodable"`
	// BodyMismatch counts records whose body differs from the one shown.
	BodyMismatch int `json:"body_mismatch"`
	// Mismatched counts records whose key, headers, value and ledger contradict each other.
	Mismatched int `json:"mismatched"`

	// Unseen counts the newest visible versions that nobody was shown; they are not exposed.
	Unseen int `json:"unseen"`
	// Uncommitted counts the absent versions whose windows no position ever covered. After an orderly
	// end it is 0; else the reading was broken off.
	Uncommitted int `json:"uncommitted"`

	// Examples holds a few lines for each kind of finding, naming version, partition and offset, and
	// never a body.
	Examples map[Finding][]string `json:"examples,omitempty"`
	// Samples holds some decoded records, a line of JSON each, bodies cut short.
	Samples []string `json:"samples,omitempty"`

	examples int
}

// OK reports whether there is no finding of any kind. It is true for an empty ledger and empty topics;
// whoever expects data checks Exposed too.
func (v *Verdict) OK() bool {
	return v.Missing+v.Duplicated+v.Reordered+v.Ahead+v.Unknown+v.Undecodable+v.BodyMismatch+v.Mismatched == 0
}

// String is the one line for people.
func (v *Verdict) String() string {
	return fmt.Sprintf("exposed %d · in topic %d · superseded %d · missing %d · duplicated %d · reordered %d · dead letters %d",
		v.Exposed, v.InTopic, v.Superseded, v.Missing, v.Duplicated, v.Reordered, v.DeadLetters)
}

// Words say what a verdict without findings has shown.
func (v *Verdict) Words() string {
	replaced := "were replaced by newer ones before they could be written"
	if v.Superseded == 1 {
		replaced = "was replaced by a newer one before it could be written"
	}
	return fmt.Sprintf("%d versions were visible. %d are in the topic, once each and in order; %d %s;\n%d could not be records and are in the dead-letter topic. None is missing.",
		v.Exposed, v.InTopic, v.Superseded, replaced, v.DeadLetters)
}

// find counts a finding and keeps its line as an example while there is room.
func (v *Verdict) find(kind Finding, format string, arguments ...any) {
	switch kind {
	case Missing:
		v.Missing++
	case Duplicated:
		v.Duplicated++
	case Reordered:
		v.Reordered++
	case Ahead:
		v.Ahead++
	case Unknown:
		v.Unknown++
	case Undecodable:
		v.Undecodable++
	case BodyMismatch:
		v.BodyMismatch++
	case Mismatched:
		v.Mismatched++
	}
	if len(v.Examples[kind]) >= v.examples {
		return
	}
	if v.Examples == nil {
		v.Examples = make(map[Finding][]string)
	}
	v.Examples[kind] = append(v.Examples[kind], fmt.Sprintf(format, arguments...))
}
