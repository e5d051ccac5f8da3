package transform

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/teams-kafka/connector/schema"
)

// Message converts one item to a record that is the caller's own. See Converter.Message.
func Message(item []byte, policy Policy) (m *schema.ChatMessage, eventType string, err error) {
	return new(Converter).Message(bytes.Clone(item), policy)
}

// Converter converts items one after the other and uses its memory again. Its zero value is ready
// for use, by one goroutine.
type Converter struct {
	reader
	message schema.ChatMessage
	room    room
}

// Message converts one item, and applies the policy. The event type is one of TypeCreated,
// TypeUpdated and TypeDeleted. The record refers to item, which is not changed; it is good until the
// next call and as long as item stays as it is.
//
// The errors wrap ErrMalformed or ErrTime. Everything else that an item can hold, the record holds:
// what has no field, or what its field cannot hold exactly, stands in Unmapped. It needs no
// identity: refusing an item that has none is Identify's part.
func (c *Converter) Message(item []byte, policy Policy) (m *schema.ChatMessage, eventType string, err error) {
	m, err = c.read(item)
	if err != nil {
		return nil, "", err
	}
	eventType = typeOfEvent(m)
	policy.apply(m)
	return m, eventType, nil
}

// read converts the item. On an error that wraps ErrTime the record is whole, with the bad times in
// Unmapped.
func (c *Converter) read(item []byte) (*schema.ChatMessage, error) {
	c.reader.reset(item)
	c.room.reset()
	c.message = schema.ChatMessage{}
	if c.peek() == '{' {
		c.chatMessage(&c.message)
		if c.peek() != 0 || c.at < len(item) {
			c.fail()
		}
	} else {
		c.fail()
	}
	if c.failed {
		return nil, fmt.Errorf("%w: at byte %d of %d", ErrMalformed, c.at, len(item))
	}
	if c.doubtful && !jsontext.Value(item).IsValid(jsontext.AllowInvalidUTF8(true)) {
		return nil, fmt.Errorf("%w: a name stands twice", ErrMalformed)
	}
	if len(c.unmapped) > 0 {
		c.message.Unmapped = make(map[string]string, len(c.unmapped))
		for _, value := range c.unmapped {
			c.message.Unmapped[value.pointer] = value.json
		}
	}
	if c.badTime != "" {
		return &c.message, fmt.Errorf("%w: %s", ErrTime, c.badTime)
	}
	return &c.message, nil
}

// typeOfEvent tells what this version of a message is: its deletion, a change, or its first version.
//
// Graph gives a new message an etag equal to its id and changes the etag with every change,
// reactions included, so the etag decides; the times differ by some milliseconds for new messages
// already. They decide only where there is no etag or no id. A message that was changed before
// it was first read begins with an update. Source: the chatMessage page of the Graph reference for what
// changes the etag; its examples for id and etag of a new message.
func typeOfEvent(m *schema.ChatMessage) string {
	switch {
	case m.DeletedDateTime != nil:
		return TypeDeleted
	case m.LastEditedDateTime != nil:
		return TypeUpdated
	case m.Etag != nil && m.ID != nil:
		if *m.Etag != *m.ID {
			return TypeUpdated
		}
	case m.LastModifiedDateTime != nil && m.CreatedDateTime != nil:
		if *m.LastModifiedDateTime > *m.CreatedDateTime {
			return TypeUpdated
		}
	}
	return TypeCreated
}

// IsDeadLetter tells whether err says that an item cannot become a record, however often it is
// tried.
func IsDeadLetter(err error) bool {
	return errors.Is(err, ErrUnidentified) || errors.Is(err, ErrMalformed) || errors.Is(err, ErrTime)
}
