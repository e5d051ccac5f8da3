package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/stage"
	"github.com/teams-kafka/connector/schema"
)

// TestRun_LeavesOutWhatItIsToldTo runs the connector with TRANSFORM_BODY=drop, TRANSFORM_EXCLUDE_CHATS and no schema
// registry, and looks at everything that it wrote.
func TestRun_LeavesOutWhatItIsToldTo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tenant := stage.Tenant(6, 4, 40, 5)
	tenant.Content.BadItems = 0.1
	s := stage.Start(t, stage.Options{Graph: tenant, NoRegistry: true})
	excluded := s.Graph.Chats()[0].ChatID
	s.Settings.TransformBody, s.Settings.TransformExcludeChats = "drop", excluded
	cfg := s.Config(t)
	c, err := daemon.New(cfg, version(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stop := stage.Run(t, c.Run)
	stage.Until(t, ctx, "enough is written and excluded", func() bool {
		counts := stage.Items(c.Metrics())
		return counts["written"] > 200 && counts["excluded"] > 20 && counts["dead-letter"] > 10
	})
	stop()
	counts := stage.Items(c.Metrics())

	reader, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.ConsumeTopics(cfg.Topic, cfg.DeadLetters()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	decoder := avro.MustParse(schema.Text())
	var records, letters int64
	for records < counts["written"] || letters < counts["dead-letter"] {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d records of %d and %d letters of %d: %v", records, counts["written"], letters, counts["dead-letter"], err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			headers := map[string]string{}
			for _, h := range r.Headers {
				headers[h.Key] = string(h.Value)
			}
			if string(r.Key) == excluded {
				t.Errorf("%s holds something of the excluded chat", r.Topic)
			}
			if r.Topic == cfg.DeadLetters() {
				letters++
				if bytes.Contains(r.Value, []byte(`"content":`)) || bytes.Contains(r.Value, []byte(excluded)) {
					t.Errorf("a dead letter holds what is to be left out: %s", headers["dlq_reason"])
				}
				return
			}
			records++
			if headers["content-type"] != "application/avro; encoding=single-object" {
				t.Errorf("without a registry the content type is %q", headers["content-type"])
			}
			var m schema.ChatMessage
			if rest, err := decoder.DecodeSingleObject(r.Value, &m); err != nil || len(rest) != 0 {
				t.Fatalf("without a registry it is not a single object: %v, %d bytes left", err, len(rest))
			}
			content := m.Body != nil && m.Body.Content != nil
			for _, attachment := range m.Attachments {
				content = content || attachment.Content != nil
			}
			if content || m.Subject != nil || m.Summary != nil || len(m.Unmapped) > 0 {
				t.Error("a record holds what is to be left out")
			}
			if m.ChatID == nil || *m.ChatID != string(r.Key) || m.Body == nil || m.Body.ContentType == nil {
				t.Error("a record lacks what is to be kept")
			}
		})
	}
	t.Logf("%d records, %d dead letters, %d items excluded", records, letters, counts["excluded"])
}
