package schema_test

import (
	"fmt"
	"log"

	"github.com/teams-kafka/connector/schema"
)

// With a registry, the value of a record begins with a zero byte and the ID of the schema.
func ExampleNewConfluentEncoder() {
	encoder, err := schema.NewConfluentEncoder(42)
	if err != nil {
		log.Fatal(err)
	}
	id := "1769846400000"
	value, err := encoder.Append(nil, &schema.ChatMessage{ID: &id})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(encoder.ContentType())
	fmt.Printf("% x\n", value[:5])
	// Output:
	// application/avro
	// 00 00 00 00 2a
}

// Without a registry, it begins with the marker of single objects and the fingerprint of the schema.
func ExampleNewSingleObjectEncoder() {
	encoder := schema.NewSingleObjectEncoder()
	value, err := encoder.Append(nil, &schema.ChatMessage{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(encoder.ContentType())
	fmt.Printf("% x\n", value[:2])
	// Output:
	// application/avro; encoding=single-object
	// c3 01
}

func ExampleSubject() {
	fmt.Println(schema.Subject("teams.chat.messages"))
	// Output: teams.chat.messages-value
}
