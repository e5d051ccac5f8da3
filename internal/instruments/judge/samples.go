package judge

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sampleBody is how many characters of a body a sample shows.
const sampleBody = 40

// samples keeps some records to show, of every event type alike.
type samples struct {
	want   int
	byType map[string][]string
}

// sample is the one line of JSON that shows a record.
type sample struct {
	Type      string `json:"type"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	ChatID    string `json:"chatId"`
	ID        string `json:"id"`
	ETag      string `json:"etag"`
	Time      string `json:"time"`
	From      string `json:"from,omitempty"`
	Body      string `json:"body,omitempty"`
}

// sampled is what a sample needs beyond what is judged.
type sampled struct {
	From *struct {
		User *struct {
			DisplayName *string `avro:"displayName"`
		} `avro:"user"`
	} `avro:"from"`
}

// take keeps a record that was decoded before, if there is still room for its type.
func (s *samples) take(record *kgo.Record, decoder *decoder) {
	kind := ""
	for _, header := range record.Headers {
		if header.Key == headerType {
			kind = string(header.Value)
		}
	}
	if len(s.byType[kind]) >= s.want {
		return
	}
	var decoded chatMessage
	if decoder.decode(context.Background(), record.Value, &decoded) != nil {
		return
	}
	line := sample{
		Type:      kind,
		Partition: record.Partition,
		Offset:    record.Offset,
		ChatID:    *decoded.ChatID,
		ID:        *decoded.ID,
		ETag:      decoded.etag(),
	}
	if at, ok := decoded.time(); ok {
		line.Time = at.UTC().Format(time.RFC3339Nano)
	}
	if content := decoded.content(); content != nil {
		line.Body = *content
		if runes := []rune(line.Body); len(runes) > sampleBody {
			line.Body = string(runes[:sampleBody]) + "…"
		}
	}
	// A schema without a sender is not a fault; the sample then goes without.
	var more sampled
	if decoder.decode(context.Background(), record.Value, &more) == nil &&
		more.From != nil && more.From.User != nil && more.From.User.DisplayName != nil {
		line.From = *more.From.User.DisplayName
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it is to be read by people, and bodies are mostly HTML
	if encoder.Encode(line) != nil {
		return
	}
	s.byType[kind] = append(s.byType[kind], strings.TrimSuffix(text.String(), "\n"))
}

// lines takes the samples of all types in turn, up to the number wanted.
func (s *samples) lines() []string {
	var lines []string
	for round := 0; len(lines) < s.want; round++ {
		before := len(lines)
		for _, kind := range eventTypes {
			if round < len(s.byType[kind]) && len(lines) < s.want {
				lines = append(lines, s.byType[kind][round])
			}
		}
		if len(lines) == before {
			break
		}
	}
	return lines
}
