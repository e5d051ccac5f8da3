//go:build integration

package integration

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/test/kafka"
)

// quiet leaves out the traffic: what is to be seen is made by hand.
func quiet(cfg *graphsim.Config) {
	cfg.Rate, cfg.Content.BadItems = 0, 0
	cfg.History.Messages = 100
}

// say makes a message of so many bytes that is visible at once. They do not compress well: the broker's limit is
// for what it is sent.
func (s *stage) say(t *testing.T, bytes int) graphsim.Changed {
	t.Helper()
	noise := make([]byte, (bytes+1)/2)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // never fails
	text, delay := hex.EncodeToString(noise)[:bytes], int64(0)
	changed, err := s.sim.Apply(graphsim.Change{Do: "create", User: s.sim.Users()[0], Content: &text, DelayMillis: &delay})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// find reads a topic read_committed until it holds a record with this ce_id, and returns it.
func (s *stage) find(t *testing.T, ctx context.Context, topic string, version graphsim.Changed) *kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.cluster.Brokers()...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	id := version.ChatID + "/" + version.ID + "/" + version.Etag
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s does not hold %s", topic, id)
		}
		for r := range fetches.RecordsAll() {
			if header(r, "ce_id") == id {
				return r
			}
		}
	}
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func (s *stage) alter(t *testing.T, ctx context.Context, topic, name, value string) {
	t.Helper()
	responses, err := s.cluster.Admin().AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, topic)
	if err == nil {
		err = responses[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What is larger than max.message.bytes goes to the dead letters whole, also when the limit is lowered under way.
func messageTooLarge(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 2*time.Minute)
	s := newStage(t, cluster, "large", quiet)
	letters := s.settings.KafkaTopic + ".dlq"
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")

	s.find(t, ctx, s.settings.KafkaTopic, s.say(t, 900_000))
	for _, size := range []int{1_100_000, 5_000_000} {
		letter := s.find(t, ctx, letters, s.say(t, size))
		if stage := header(letter, sink.LetterStage); stage != "produce" || len(letter.Value) < size {
			t.Errorf("%d bytes: stage %q, %d bytes in the dead letters", size, stage, len(letter.Value))
		}
	}

	s.find(t, ctx, s.settings.KafkaTopic, s.say(t, 100_000))
	s.alter(t, ctx, s.settings.KafkaTopic, "max.message.bytes", "20000")
	letter := s.find(t, ctx, letters, s.say(t, 100_000))
	if reason := header(letter, sink.LetterReason); !strings.Contains(reason, "20000") {
		t.Errorf("the letter's reason is %q", reason)
	}
	s.find(t, ctx, s.settings.KafkaTopic, s.say(t, 1_000))
	mustBeRight(t, s.settle(t, ctx, p), 50)
}

// With message.timestamp.before.max.ms set, a broker refuses records of older events. They get the time of writing.
func timestampsTooOld(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 2*time.Minute)
	s := newStage(t, cluster, "old", nil)
	limit := "1800000"
	if _, err := cluster.Admin().CreateTopic(ctx, 4, 1, map[string]*string{"message.timestamp.before.max.ms": &limit}, s.settings.KafkaTopic); err != nil {
		t.Fatal(err)
	}
	p := s.start(t) // SOURCE_START is hours back
	p.WaitFor(t, ctx, 0, "records get the time of writing as their timestamp")
	s.commits(t, ctx, 40)
	mustBeRight(t, s.settle(t, ctx, p), 600)
}

// An output topic that is deleted under way takes its messages with it. The connector creates it again and continues: what is
// written from then on is there once.
func outputTopicRecreated(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "output", nil)
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	s.commits(t, ctx, 30)
	first := s.topicID(t, ctx, s.settings.KafkaTopic)
	s.delete(t, ctx, s.settings.KafkaTopic)
	deleted := time.Now()
	eventually(t, ctx, "the topic to be made anew", func() error {
		details, err := cluster.Admin().ListTopics(ctx, s.settings.KafkaTopic)
		if err == nil {
			err = details.Error()
		}
		if err == nil && details[s.settings.KafkaTopic].ID == first {
			err = errors.New("it is still the old one")
		}
		return err
	})
	version := s.say(t, 10)
	s.find(t, ctx, s.settings.KafkaTopic, version)
	t.Logf("output topic deleted: writing again after %v", time.Since(deleted).Round(100*time.Millisecond))

	// What was shown before is gone with the topic, but nothing of the rest may be.
	s.sim.StopTraffic()
	last := s.say(t, 20)
	s.find(t, ctx, s.settings.KafkaTopic, last)
	verdict := s.judge(t, ctx)
	t.Logf("%v", verdict)
	if verdict.Duplicated+verdict.Reordered+verdict.Unknown+verdict.Undecodable+verdict.BodyMismatch+verdict.Mismatched > 0 {
		t.Errorf("%v\n%v", verdict, verdict.Examples)
	}
	if p.Ended() {
		t.Error("the connector has ended")
	}
}

// Positions that are deleted under way cost reading again, and neither a message nor a duplicate.
func offsetsTopicRecreated(t *testing.T, cluster *kafka.Cluster) {
	ctx := within(t, 3*time.Minute)
	s := newStage(t, cluster, "positions", nil)
	p := s.start(t)
	p.WaitFor(t, ctx, 0, "msg=polling")
	s.commits(t, ctx, 30)
	s.delete(t, ctx, s.offsetsTopic())
	deleted := time.Now()
	eventually(t, ctx, "positions to be written again", func() error {
		ends, err := cluster.Admin().ListEndOffsets(ctx, s.offsetsTopic())
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return err
		}
		for _, end := range ends[s.offsetsTopic()] {
			if end.Offset > 50 {
				return nil
			}
		}
		return errors.New("there are none yet")
	})
	t.Logf("offsets topic deleted: positions written again after %v", time.Since(deleted).Round(100*time.Millisecond))
	mustBeRight(t, s.settle(t, ctx, p), 600)
}

func (s *stage) delete(t *testing.T, ctx context.Context, topic string) {
	t.Helper()
	responses, err := s.cluster.Admin().DeleteTopics(ctx, topic)
	if err == nil {
		err = responses[topic].Err
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stage) topicID(t *testing.T, ctx context.Context, topic string) kadm.TopicID {
	t.Helper()
	details, err := s.cluster.Admin().ListTopics(ctx, topic)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		t.Fatal(fmt.Errorf("topic id: %w", err))
	}
	return details[topic].ID
}
