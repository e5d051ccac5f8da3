package transform_test

import (
	"fmt"
	"log"

	"github.com/teams-kafka/connector/transform"
)

const item = `{
	"id": "1769846400000", "chatId": "19:abc@thread.v2", "etag": "1769846405000",
	"createdDateTime": "2026-01-31T08:00:00Z", "lastModifiedDateTime": "2026-01-31T08:00:05Z",
	"body": {"contentType": "text", "content": "hello"},
	"newInGraph": {"since": "today"}
}`

// Identify reads only what names a version. The index decides by it whether the item is new, before
// anything else of the item is looked at.
func ExampleIdentify() {
	identity, err := transform.Identify([]byte(item))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("key:  ", identity.ChatID)
	fmt.Println("ce_id:", identity.EventID())
	fmt.Println("time: ", identity.EventTime())
	// Output:
	// key:   19:abc@thread.v2
	// ce_id: 19:abc@thread.v2/1769846400000/1769846405000
	// time:  2026-01-31T08:00:05.000Z
}

// A property that the schema does not know is kept in unmapped, so JSON can rebuild the item.
func ExampleMessage() {
	message, eventType, err := transform.Message([]byte(item), transform.Policy{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(eventType)
	fmt.Println(*message.Body.Content)
	fmt.Println(message.Unmapped)
	// Output:
	// com.microsoft.graph.chatMessage.updated
	// hello
	// map[/newInGraph:{"since": "today"}]
}

// A policy leaves out what people wrote, and everything in unmapped, because it could be anything.
func ExampleMessage_policy() {
	message, _, err := transform.Message([]byte(item), transform.Policy{DropBody: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.Body.Content == nil, len(message.Unmapped))
	// Output: true 0
}

// An item without an identity cannot be a record. It goes to the dead letters, and the error tells why
// without showing the item.
func ExampleIsDeadLetter() {
	_, err := transform.Identify([]byte(`{"body": {"content": "who am I?"}}`))
	fmt.Println(transform.IsDeadLetter(err))
	// Output: true
}
