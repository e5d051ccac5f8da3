package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Waiting records what a tenant's stream waits for from Kafka, since when, and what a broker answered
// last.
//
// The client library retries most errors itself. It does so for as long as the context allows, and
// then returns the context's error and not the broker's. Waiting is the library's logger, because
// nothing else reveals what is being retried.
//
// It is safe for concurrent use.
type Waiting struct {
	mu       sync.Mutex
	waits    []*Wait
	answer   string
	answered time.Time

	eager atomic.Int64 // when the oldest wait becomes suspicious, in Unix nanoseconds; 0 without a wait

	unacknowledged atomic.Int64 // records
	progress       atomic.Int64 // when one was last acknowledged, or the first one sent, in Unix nanoseconds
}

// Wait is one thing that the stream waits for.
type Wait struct {
	// Doing names what is not finished yet, for instance "commit".
	Doing string
	Since time.Time
	// Answer is the last error that a broker, or the way to it, gave meanwhile; empty if there is none.
	Answer string
}

// suspicious is how long a wait lasts before the library's debug lines are read: only they tell what
// a broker answers to records, and writing them costs time.
const suspicious = time.Second

// NewWaiting returns a Waiting without a wait.
func NewWaiting() *Waiting { return &Waiting{} }

// Begin notes that something is being waited for, until end is called.
func (w *Waiting) Begin(doing string) (end func()) {
	if w == nil {
		return func() {}
	}
	wait := &Wait{Doing: doing, Since: time.Now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits = append(w.waits, wait)
	w.expect()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.waits = slices.DeleteFunc(w.waits, func(other *Wait) bool { return other == wait })
		w.expect()
	}
}

// expect sets when debug lines are wanted. The caller holds mu.
func (w *Waiting) expect() {
	if len(w.waits) == 0 {
		w.eager.Store(0)
		return
	}
	w.eager.Store(w.waits[0].Since.Add(suspicious).UnixNano())
}

// Longest returns what has been waited for longest; ok is false if nothing is.
func (w *Waiting) Longest() (longest Wait, ok bool) {
	if w == nil {
		return Wait{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waits) > 0 {
		longest, ok = *w.waits[0], true
	}
	if since := time.Unix(0, w.progress.Load()); w.unacknowledged.Load() > 0 && (!ok || since.Before(longest.Since)) {
		longest, ok = Wait{Doing: "acknowledgment of records", Since: since}, true
	}
	if ok && !w.answered.Before(longest.Since) {
		longest.Answer = w.answer
	}
	return longest, ok
}

// sent notes that a record is on its way.
func (w *Waiting) sent() {
	if w.unacknowledged.Add(1) == 1 {
		w.progress.Store(time.Now().UnixNano())
	}
}

// arrived notes that a record was acknowledged, or given up.
func (w *Waiting) arrived() {
	w.unacknowledged.Add(-1)
	w.progress.Store(time.Now().UnixNano())
}

// Level implements kgo.Logger. The library asks for it before each line.
func (w *Waiting) Level() kgo.LogLevel {
	now := time.Now().UnixNano()
	if eager := w.eager.Load(); eager != 0 && now > eager {
		return kgo.LogLevelDebug
	}
	if w.unacknowledged.Load() > 0 && now-w.progress.Load() > int64(suspicious) {
		return kgo.LogLevelDebug
	}
	return kgo.LogLevelInfo
}

// Log implements kgo.Logger. It keeps the errors and drops everything else.
func (w *Waiting) Log(_ kgo.LogLevel, message string, keyvals ...any) {
	answer := answerIn(message, keyvals)
	if answer == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer, w.answered = answer, time.Now()
}

// answerIn returns the error that a line of the library's log tells of, empty if there is none.
func answerIn(message string, keyvals []any) string {
	values := make(map[string]any, len(keyvals)/2)
	for i := 0; i+1 < len(keyvals); i += 2 {
		if key, ok := keyvals[i].(string); ok {
			values[key] = keyvals[i+1]
		}
	}
	if message == "produced" {
		to, _ := values["to"].(string)
		return retried(to)
	}
	if request, _, found := strings.Cut(message, " failed with CONCURRENT_TRANSACTIONS"); found {
		return anotherTransaction(request)
	}
	for _, key := range []string{"err", "response_error", "request_error"} {
		err, _ := values[key].(error)
		if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			continue
		}
		answer := err.Error()
		request, named := values["request"].(string)
		if !named && strings.HasPrefix(message, "producer id initialization") {
			request, named = "InitProducerID", true
		}
		if named && errors.Is(err, kerr.ConcurrentTransactions) {
			return anotherTransaction(request)
		}
		if named {
			answer += " to " + request
		}
		if topic, ok := values["topic"].(string); ok {
			answer += fmt.Sprintf(" (partition %v of %s)", values["partition"], topic)
		}
		return line(answer)
	}
	return ""
}

func anotherTransaction(request string) string {
	return "CONCURRENT_TRANSACTIONS to " + request + ": the coordinator is still ending another transaction of this transactional ID"
}

// retried returns the error for which the library sends a batch again, from its account of a produce
// response: topic[partition{retrying@offset,records(error)}, …], …
func retried(to string) string {
	before, after, found := strings.Cut(to, "{retrying@")
	_, after, opened := strings.Cut(after, "(")
	answer, _, closed := strings.Cut(after, ")}")
	if !found || !opened || !closed {
		return ""
	}
	list := strings.LastIndexByte(before, '[')
	if list < 0 {
		return line(answer)
	}
	topic := before[strings.LastIndexByte(before[:list], ' ')+1 : list]
	partition := before[max(list, strings.LastIndexByte(before, ' '))+1:]
	return line(fmt.Sprintf("%s (partition %s of %s)", answer, partition, topic))
}

// line makes one line of bounded length of what another system said.
func line(text string) string {
	const most = 500
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
