package main

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/schema"
)

// TestRun_LeavesOutWhatItIsToldTo runs the connector with TRANSFORM_BODY=drop, TRANSFORM_EXCLUDE_CHATS and no schema
// registry, and looks at everything that it wrote.
func TestRun_LeavesOutWhatItIsToldTo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	kafka, _ := startStack(t)
	d := demo{simulation: simulation{users: 6, chats: 4, rate: 40, seed: 5}}
	simConfig := d.simulator(dir)
	simConfig.Content.BadItems = 0.1
	sim, err := graphsim.Start(simConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	excluded := sim.Chats()[0].ChatID
	settings := d.settings(sim, dir, kafka.Brokers(), "")
	settings.TransformBody, settings.TransformExcludeChats = "drop", excluded
	cfg, err := config.Parse(settings)
	if err != nil {
		t.Fatal(err)
	}
	c, err := daemon.New(cfg, version(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(running) }()
	until(t, ctx, "enough is written and excluded", func() bool {
		counts := itemCounts(c.Metrics())
		return counts["written"] > 200 && counts["excluded"] > 20 && counts["dead-letter"] > 10
	})
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	counts := itemCounts(c.Metrics())

	reader, err := kgo.NewClient(kgo.SeedBrokers(kafka.Brokers()...), kgo.ConsumeTopics(cfg.Topic, cfg.DeadLetters()),
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
				t.Fatalf("without a registry it is no single object: %v, %d bytes left", err, len(rest))
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
