package transform

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/teams-kafka/connector/schema"
)

// Message converts one item to a record that the caller owns. See Converter.Message.
func Message(item []byte, policy Policy) (m *schema.ChatMessage, eventType string, err error) {
	return new(Converter).Message(bytes.Clone(item), policy)
}

// Converter converts items one after another and reuses its memory. Its zero value is ready to use.
// It is not safe for concurrent use.
type Converter struct {
	reader
	message schema.ChatMessage
	room    room
}

// Message converts one item and applies the policy. The event type is TypeCreated, TypeUpdated or
// TypeDeleted. The record refers to the bytes of item and does not change them. It is valid until the
// next call, and only while item stays unchanged.
//
// Errors wrap ErrMalformed or ErrTime. The record keeps everything else: a value without a field, or
// one that its field cannot hold exactly, goes into Unmapped. Message does not require an identity;
// Identify refuses items without one.
func (c *Converter) Message(item []byte, policy Policy) (m *schema.ChatMessage, eventType string, err error) {
	m, err = c.read(item)
	if err != nil {
		return nil, "", err
	}
	eventType = typeOfEvent(m)
	policy.apply(m)
	return m, eventType, nil
}

// read converts the item. If the error wraps ErrTime, the record is complete and has the invalid times
// in Unmapped.
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
		return nil, fmt.Errorf("%w: duplicate member name", ErrMalformed)
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

// typeOfEvent returns the event type of this version: deleted, updated, or created for the first one.
//
// The etag decides. Graph gives a new message an etag equal to its id and changes the etag with every
// change, including reactions. The times decide only if the etag or the id is missing, because they
// differ by some milliseconds even for new messages. The first record of a message that changed before
// it was read is an update. Source: the chatMessage page of the Graph reference for what changes the
// etag, and its examples for the id and etag of a new message.
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

// IsDeadLetter reports whether err means that the item can never become a record.
func IsDeadLetter(err error) bool {
	return errors.Is(err, ErrUnidentified) || errors.Is(err, ErrMalformed) || errors.Is(err, ErrTime)
}
