package worker

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// say makes messages of so many bytes in one chat, of a text that cannot be compressed much, that become visible together.
func (s *stage) say(t *testing.T, sizes ...int) {
	t.Helper()
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	rnd := rand.New(rand.NewPCG(1, 2))
	visible := time.Now().Add(500 * time.Millisecond)
	chat := ""
	for _, size := range sizes {
		text := make([]byte, size)
		for i := range text {
			text[i] = letters[rnd.IntN(len(letters))]
		}
		content, delay := string(text), max(0, time.Until(visible).Milliseconds())
		next := graphsim.Change{Do: "create", ChatID: chat, Content: &content, DelayMillis: &delay}
		if chat == "" {
			next.User = s.sim.Users()[0]
		}
		made, err := s.sim.Apply(next)
		if err != nil {
			t.Fatal(err)
		}
		chat = made.ChatID
	}
}

// refuseAbove lets the brokers refuse batches for the output topic that are larger than what they say the topic takes, and
// returns the count of those refused.
func (s *stage) refuseAbove(limit int, answer *kerr.Error) (refused func() int) {
	id := s.kafka.Cluster().TopicInfo("out").TopicID
	var faults []kfake.Fault
	for partition := range int32(3) {
		faults = append(faults, kfake.Fault{
			Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Partitions: []int32{partition}, Err: answer, Count: -1,
			When: func(r kmsg.Request) bool {
				for _, topic := range r.(*kmsg.ProduceRequest).Topics {
					for _, p := range topic.Partitions {
						if (topic.TopicID == id || topic.Topic == "out") && p.Partition == partition && len(p.Records) > limit {
							return true
						}
					}
				}
				return false
			},
		})
	}
	return s.kafka.Cluster().Fault(faults...).Hits
}

// A broker, or a proxy before it, may refuse what the topic's own limit allows: its limit is found out by refusals. What
// is too large goes to the dead letters, what is not to the topic, and nobody tries for ever (invariant 1).
func TestStream_ALimitThatTheTopicDoesNotTellIsFoundOut(t *testing.T) {
	for name, c := range map[string]struct {
		answer *kerr.Error
		bytes  []int // of messages made at once
		large  int   // of them that do not fit
	}{
		"one record":                   {kerr.MessageTooLarge, []int{90_000}, 1},
		"several at once, one of them": {kerr.RecordListTooLarge, []int{9_000, 90_000, 9_000, 9_000}, 1},
		"a batch of records that fit":  {kerr.MessageTooLarge, []int{9_000, 9_000, 9_000, 9_000, 9_000, 9_000}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t, 2*time.Minute)
			// What people do at the same time would make it a matter of luck which batches there are.
			s := newStage(t, func(c *graphsim.Config) { c.Rate, c.Edits, c.Reactions, c.Deletions = 20, 0, 0, 0 })
			s.ensureTopics(t)
			const limit = 30_000
			refused := s.refuseAbove(limit, c.answer)
			m := s.join(t)
			eventually(t, ctx, "the first commits", func() bool { return s.committed(t, ctx) >= 12 })
			said := 0
			for ; refused() == 0 && said < 10; said++ { // read by several polls, those that fit are no batch that does not
				s.say(t, c.bytes...)
				s.progress(t, ctx)
				s.progress(t, ctx)
			}
			verdict := s.settle(t, ctx, m)
			s.mustBeRight(t, verdict, 10)
			if n := verdict.DeadLetters - int(s.sim.Stats().Bad); n != c.large*said {
				t.Errorf("%d messages went to the dead letters for their size, want %d", n, c.large*said)
			}
			if refused() == 0 {
				t.Error("nothing was refused, the test shows nothing")
			}
			if ended := s.sessionsEnded(); ended > 8 {
				t.Errorf("%d sessions ended until the limit was found\n%s", ended, s.logs)
			}
			t.Logf("%d refusals, %d sessions", refused(), s.sessionsEnded())
		})
	}
}
