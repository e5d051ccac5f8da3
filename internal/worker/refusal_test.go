package worker

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// An item that fits neither the output topic nor the dead letters keeps its user before its window, whatever else the page holds
// (invariant 1), and nobody else (invariant 8).
func TestSession_WhatFitsNowhereKeepsItsUserWhereItIs(t *testing.T) {
	cfg := configuration(t, "u", "other")
	cl, err := kgo.NewClient(cfg.Writer.Client...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for topic, limit := range map[string]string{"out": "10000", "out.dlq": "20000"} {
		if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, -1, map[string]*string{"max.message.bytes": &limit}, topic); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, cfg)
	s.save(t) // the first positions
	huge := bytes.Replace(message("2", now), []byte(`"content":"x"`), append(append([]byte(`"content":"`), bytes.Repeat([]byte("x"), 30_000)...), '"'), 1)
	p := offsets.Position{Start: 1, Marks: []offsets.Mark{{Rung: time.Minute, At: now.UnixMilli()}}}
	err = s.deliver(t.Context(), source.Delivery{User: "u", Items: [][]byte{message("1", now), huge, message("3", now)},
		From: now.Add(-time.Minute).UnixMilli(), To: now.Add(time.Minute).UnixMilli(), Position: &p})
	var refusal *source.Refusal
	if !errors.As(err, &refusal) || !errors.Is(err, sink.ErrLetterTooLarge) {
		t.Fatalf("got %v, want a refusal", err)
	}
	s.readWhole(t, "other", now, message("1", now), message("3", now))
	s.save(t)
	s.transaction.writer.Close()

	next := open(t, cfg)
	if marks := next.roster.positions["u"].Marks; len(marks) != 0 {
		t.Errorf("the position has passed what is nowhere: %+v", marks)
	}
	if marks := next.roster.positions["other"].Marks; len(marks) != 1 {
		t.Errorf("the other user's marks are %+v", marks)
	}
	if cfg.count(outcomeWritten) != 2 || cfg.count(outcomeSeen) != 1 {
		t.Errorf("%d written, %d seen, want 2 and 1", cfg.count(outcomeWritten), cfg.count(outcomeSeen))
	}
}
