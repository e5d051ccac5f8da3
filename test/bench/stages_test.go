package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
	"github.com/teams-kafka/connector/transform"
)

// recorded is what a user's folder of some thousand messages looks like: short chats, HTML, cards, mentions and system events, in
// pages of 50 as Graph would send them.
type recorded struct {
	tenant string
	pages  [][]byte
	items  [][]byte
	bytes  int
}

func record(b *testing.B) recorded {
	b.Helper()
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Chats, cfg.MaxMembers, cfg.Rate, cfg.Edits, cfg.Reactions, cfg.Deletions = 1, 20, 1, 0, 0, 0, 0
	cfg.Lateness, cfg.Limits, cfg.Quirks = graphsim.Lateness{}, graphsim.Limits{}, graphsim.Quirks{}
	cfg.History = graphsim.History{Messages: 5000, Reach: 20 * time.Hour}
	sim, err := graphsim.Start(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	token, err := sim.AccessToken([]string{"Chat.Read.All"}, false, 0)
	if err != nil {
		b.Fatal(err)
	}
	root, err := url.Parse(sim.URL())
	if err != nil {
		b.Fatal(err)
	}
	found := recorded{tenant: sim.TenantID()}
	now := time.Now()
	link := source.NewClient(root, http.DefaultClient, nil, nil, "", nil).
		MessagesURL(sim.Users()[0], now.Add(-24*time.Hour).UnixMilli(), now.UnixMilli(), 50, source.Query{})
	for link != "" {
		request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, link, nil)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Prefer", "include-unknown-enum-members")
		answer := httptest.NewRecorder()
		sim.ServeHTTP(answer, request)
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.Code != http.StatusOK {
			b.Fatalf("status %d, %v", answer.Code, err)
		}
		page, err := source.ParsePage(body)
		if err != nil {
			b.Fatal(err)
		}
		found.pages = append(found.pages, body)
		found.items = append(found.items, page.Items...)
		found.bytes += len(body)
		link = page.NextLink
	}
	if len(found.items) != cfg.History.Messages {
		b.Fatalf("%d items, want %d", len(found.items), cfg.History.Messages)
	}
	return found
}

func (r recorded) identities(b *testing.B) []transform.Identity {
	b.Helper()
	ids := make([]transform.Identity, len(r.items))
	for i, item := range r.items {
		var err error
		if ids[i], err = transform.Identify(item); err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

// records are the items as the connector writes them.
func (r recorded) records(b *testing.B, topic string) []*kgo.Record {
	b.Helper()
	var converter transform.Converter
	encoder, err := schema.NewConfluentEncoder(1)
	if err != nil {
		b.Fatal(err)
	}
	headers := transform.NewHeaders(r.tenant, encoder.ContentType())
	records := make([]*kgo.Record, len(r.items))
	for i, id := range r.identities(b) {
		message, eventType, err := converter.Message(r.items[i], transform.Policy{})
		if err != nil {
			b.Fatal(err)
		}
		value, err := encoder.Append(nil, message)
		if err != nil {
			b.Fatal(err)
		}
		records[i] = &kgo.Record{Topic: topic, Key: []byte(id.ChatID), Value: value, Timestamp: time.UnixMilli(id.Version.Time)}
		records[i].Headers, _ = headers.Append(nil, nil, id, eventType)
	}
	return records
}

// each runs a stage over what was recorded, whole rounds, and reports for one message.
func (r recorded) each(b *testing.B, perRound int, round func()) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
	messages := float64(b.N * perRound)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/messages, "ns/msg")
	b.ReportMetric(messages/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(r.bytes)/float64(len(r.items)), "B/msg")
}

func BenchmarkStages(b *testing.B) {
	r := record(b)
	ids := r.identities(b)
	all := len(r.items)
	b.Run("0-gunzip", func(b *testing.B) {
		var compressed [][]byte
		size := 0
		for _, body := range r.pages {
			var text bytes.Buffer
			w := gzip.NewWriter(&text)
			if _, err := w.Write(body); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			size += text.Len()
			compressed = append(compressed, text.Bytes())
		}
		var reader gzip.Reader // as the client has it
		var page bytes.Buffer
		r.each(b, all, func() {
			for _, body := range compressed {
				if err := reader.Reset(bytes.NewReader(body)); err != nil {
					b.Fatal(err)
				}
				page.Reset()
				if _, err := page.ReadFrom(&reader); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.ReportMetric(float64(size)/float64(all), "compressed-B/msg")
	})
	b.Run("1-page-scan", func(b *testing.B) {
		r.each(b, all, func() {
			for _, body := range r.pages {
				if _, err := source.ParsePage(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("2-identify", func(b *testing.B) {
		r.each(b, all, func() {
			for _, item := range r.items {
				if _, err := transform.Identify(item); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	for _, size := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("3-index-look-up/of-%d", size), func(b *testing.B) {
			index := sink.NewIndex(r.tenant)
			for i := range size - all {
				other := transform.Identity{ChatID: "19:other@thread.v2", ID: fmt.Sprint(i), Version: transform.Version{Time: int64(i), ETag: "1"}}
				index.Put(index.MessageKey(other), other.Version)
			}
			for _, id := range ids {
				index.Put(index.MessageKey(id), id.Version)
			}
			r.each(b, all, func() {
				for _, id := range ids {
					if index.Check(index.MessageKey(id), id.Version) != sink.Seen {
						b.Fatal("not seen")
					}
				}
			})
		})
	}
	b.Run("4-decode-and-transform", func(b *testing.B) {
		var converter transform.Converter
		r.each(b, all, func() {
			for _, item := range r.items {
				if _, _, err := converter.Message(item, transform.Policy{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("5-decode-transform-encode", func(b *testing.B) {
		var converter transform.Converter
		encoder, err := schema.NewConfluentEncoder(1)
		if err != nil {
			b.Fatal(err)
		}
		var value []byte
		r.each(b, all, func() {
			for _, item := range r.items {
				message, _, err := converter.Message(item, transform.Policy{})
				if err != nil {
					b.Fatal(err)
				}
				if value, err = encoder.Append(value[:0], message); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer kafka.Close()
	client := []kgo.Opt{kgo.SeedBrokers(kafka.Brokers()...)}
	topics := []string{"produce", "rebuild", "rebuild.dlq"}
	cl, err := kgo.NewClient(client...)
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	if made, err := kadm.NewClient(cl).CreateTopics(b.Context(), partitions, 1, nil, topics...); err != nil || made.Error() != nil {
		b.Fatal(err, made.Error())
	}
	b.Run("6-produce", func(b *testing.B) {
		records := r.records(b, "produce")
		writer, err := sink.OpenWriter(b.Context(), sink.WriterConfig{
			Client: client, Topics: sink.Topics{Output: "produce"}, Limits: sink.Limits{OutputBytes: 1 << 20, LetterBytes: 1 << 20},
			TransactionalID: "stages", TransactionTimeout: time.Minute,
		})
		if err != nil {
			b.Fatal(err)
		}
		defer writer.Close()
		r.each(b, all, func() { // with the broker's own time, which shares the process
			for _, made := range records {
				record := *made
				if err := writer.Write(b.Context(), &record); err != nil {
					b.Fatal(err)
				}
			}
			if err := writer.Commit(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("7-rebuild", func(b *testing.B) {
		writer, err := sink.OpenWriter(b.Context(), sink.WriterConfig{
			Client: client, Topics: sink.Topics{Output: "rebuild"}, Limits: sink.Limits{OutputBytes: 1 << 20, LetterBytes: 1 << 20},
			TransactionalID: "rebuild", TransactionTimeout: time.Minute,
		})
		if err != nil {
			b.Fatal(err)
		}
		defer writer.Close()
		for _, record := range r.records(b, "rebuild") {
			if err := writer.Write(b.Context(), record); err != nil {
				b.Fatal(err)
			}
		}
		if err := writer.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
		r.each(b, all, func() { // with the broker's own time, and what reading a topic costs however short it is
			index := sink.NewIndex(r.tenant)
			done, err := sink.Rebuild(b.Context(), client, sink.Topics{Output: "rebuild", DeadLetters: "rebuild.dlq"}, index, time.Now().Add(-48*time.Hour), time.Minute)
			if err != nil || index.Len() != all {
				b.Fatalf("%d of %d messages, %+v, %v", index.Len(), all, done, err)
			}
		})
	})
}
