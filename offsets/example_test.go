package offsets_test

import (
	"fmt"
	"log"
	"time"

	"github.com/teams-kafka/connector/offsets"
)

func at(text string) int64 {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		log.Fatal(err)
	}
	return t.UnixMilli()
}

// A position is one record of the compacted topic, in the format of Kafka Connect.
func ExamplePosition_Value() {
	key := offsets.Key{Connector: "teams", Tenant: "8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11", User: "ada@contoso.com"}
	position := offsets.Position{
		Start: at("2026-01-30T00:00:00Z"),
		Marks: []offsets.Mark{{Rung: 10 * time.Minute, At: at("2026-01-31T08:00:00Z")}, {Rung: 24 * time.Hour, At: at("2026-01-31T00:00:00Z")}},
	}
	fmt.Println(string(key.Bytes()))
	fmt.Println(string(position.Value()))
	// Output:
	// ["teams",{"user":"ada@contoso.com","tenant":"8b4f9a50-1f0e-4c8d-9a30-5d1c6f3f1d11"}]
	// {"mark.10m":1769846400000,"mark.24h":1769817600000,"start":1769731200000,"version":1}
}

// The shortest rung says how far a user has been read, the longest how far back it will be read again.
func ExamplePosition_NeededFrom() {
	position := offsets.Position{
		Start: at("2026-01-01T00:00:00Z"),
		Marks: []offsets.Mark{{Rung: 10 * time.Minute, At: at("2026-01-31T08:00:00Z")}, {Rung: 24 * time.Hour, At: at("2026-01-31T00:00:00Z")}},
	}
	fmt.Println("read up to:      ", offsets.FormatTime(position.ReadUpTo()))
	fmt.Println("still reads from:", offsets.FormatTime(position.NeededFrom()))
	// Output:
	// read up to:       2026-01-31T08:00:00.000Z
	// still reads from: 2026-01-30T00:00:00.000Z
}

// Rewound moves marks back, never forward, so nothing that was still to be read is left out.
func ExamplePosition_Rewound() {
	position := offsets.Position{
		Start: at("2026-01-01T00:00:00Z"),
		Marks: []offsets.Mark{{Rung: 10 * time.Minute, At: at("2026-01-31T08:00:00Z")}, {Rung: 24 * time.Hour, At: at("2026-01-31T00:00:00Z")}},
	}
	back := position.Rewound(at("2026-01-31T06:00:00Z"))
	for _, mark := range back.Marks {
		fmt.Println(mark.Rung, offsets.FormatTime(mark.At))
	}
	fmt.Println("skips anything:", position.Skips(back))
	// Output:
	// 10m0s 2026-01-31T06:00:00.000Z
	// 24h0m0s 2026-01-31T00:00:00.000Z
	// skips anything: false
}
