package judge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// A partition that ends in a transaction that nobody ends gives an error that says where, not a hang
// and not a verdict.
func TestRun_GivesUpOnAnOpenTransaction(t *testing.T) {
	s := newScene(t, newStack(t), 2)
	v1 := made("c1", "m1", 1)
	s.shown(v1, to(alice, noon))
	s.commit(s.record(v1, 0))
	if err := s.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := s.client.ProduceSync(testContext(t), s.record(made("c1", "m1", 2), 0)).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.config.IdleTimeout = 300 * time.Millisecond
	s.config.Ledger = bytes.NewReader(s.ledger.Bytes())
	_, err := judge.Run(testContext(t), s.config)
	if !errors.Is(err, judge.ErrStalled) {
		t.Fatalf("got %v, want ErrStalled", err)
	}
	for _, part := range []string{s.topic + "/0 is at offset 2 of 3", "transaction is open at or above offset 2"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}

	// Once it has ended, the judgment can be repeated.
	if err = s.client.EndTransaction(testContext(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	s.config.IdleTimeout = 5 * time.Second
	s.expect(counts{exposed: 1, inTopic: 1})
}

// Records that the broker deletes while they are read can be neither judged nor waited for.
func TestRun_GivesUpOnDeletedRecords(t *testing.T) {
	stack := newStack(t)
	s := newScene(t, stack, 1)
	s.shown(made("c1", "m1", 1), to(alice, noon))
	s.commit(s.record(made("c1", "m1", 1), 0))
	s.config.IdleTimeout = 300 * time.Millisecond
	s.config.Ledger = &beforeReading{Reader: &s.ledger, do: func() {
		if err := stack.kafka.Cluster().DeleteRecords(s.topic, 0, 2); err != nil {
			t.Error(err)
		}
	}}
	_, err := judge.Run(testContext(t), s.config)
	if !errors.Is(err, judge.ErrStalled) || !strings.Contains(fmt.Sprint(err), "everything below offset 2 was deleted meanwhile") {
		t.Errorf("got %v, want ErrStalled and that records were deleted", err)
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	s := newScene(t, newStack(t), 1)
	s.config.Ledger = &s.ledger
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := judge.Run(ctx, s.config); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

// Half a ledger would hide what was lost.
func TestRun_RefusesALedgerItCannotTrust(t *testing.T) {
	stack := newStack(t)
	const start = `{"chatId":"c","id":"m","etag":"1","seq":1,"time":1,"bodySha256":"","shown":[`
	for name, ledger := range map[string]string{
		"cut off":                  start,
		"no JSON":                  "<html>",
		"no identity":              `{"etag":"1","seq":1,"shown":[]}`,
		"bad item without hash":    `{"bad":"no id","shown":[]}`,
		"two seqs of one version":  start + `]}` + "\n" + strings.Replace(start, `"seq":1`, `"seq":2`, 1) + `]}`,
		"one seq for two versions": start + `]}` + "\n" + strings.Replace(start, `"etag":"1"`, `"etag":"2"`, 1) + `]}`,
		"hash of another length":   strings.Replace(start, `"bodySha256":""`, `"bodySha256":"abcd"`, 1) + `]}`,
		"an invalid time":          start + `{"user":"alice","at":"noon","to":1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, stack, 1)
			s.config.Ledger = strings.NewReader(ledger)
			verdict, err := judge.Run(testContext(t), s.config)
			if !errors.Is(err, judge.ErrLedger) || !strings.Contains(err.Error(), "line ") {
				t.Errorf("got %v, %v, want ErrLedger with the line", verdict, err)
			}
		})
	}
}

// Without a common user no window could be found committed, and everything would pass as superseded.
func TestRun_RefusesPositionsOfOtherUsers(t *testing.T) {
	s := newScene(t, newStack(t), 1)
	old, newer := made("c1", "m1", 1), made("c1", "m1", 2)
	s.shown(old, to(alice, noon+1000))
	s.shown(newer, to(alice, noon+3000))
	s.commit(s.record(newer, 0), s.mark("Alice@example.org", noon+2000, noon+1000))
	s.config.Ledger = bytes.NewReader(s.ledger.Bytes())
	if _, err := judge.Run(testContext(t), s.config); !errors.Is(err, judge.ErrUsers) {
		t.Fatalf("got %v, want ErrUsers", err)
	}
	s.config.User = func(user string) string { return strings.TrimSuffix(user, "@example.org") }
	s.expect(counts{exposed: 2, inTopic: 1, missing: 1})
}

func TestRun_RefusesHalfAConfiguration(t *testing.T) {
	complete := judge.Config{
		Brokers: []string{"127.0.0.1:1"}, Topic: "t", OffsetsTopic: "o", RegistryURL: "http://127.0.0.1:1", LedgerURL: "http://127.0.0.1:1",
	}
	for name, remove := range map[string]func(*judge.Config){
		"no brokers":         func(c *judge.Config) { c.Brokers = nil },
		"no output topic":    func(c *judge.Config) { c.Topic = "" },
		"no offsets topic":   func(c *judge.Config) { c.OffsetsTopic = "" },
		"no schema registry": func(c *judge.Config) { c.RegistryURL = "" },
		"no ledger":          func(c *judge.Config) { c.LedgerURL = "" },
	} {
		config := complete
		remove(&config)
		_, err := judge.Run(testContext(t), config)
		if !errors.Is(err, judge.ErrConfig) || !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("got %v, want ErrConfig with %q", err, name)
		}
	}
}

func TestRun_SaysWhichTopicIsMissing(t *testing.T) {
	stack := newStack(t)
	for _, c := range []struct {
		missing string
		change  func(*judge.Config)
	}{
		{"nowhere", func(c *judge.Config) { c.Topic = "nowhere" }},
		{"nothing", func(c *judge.Config) { c.OffsetsTopic = "nothing" }},
	} {
		t.Run(c.missing, func(t *testing.T) {
			s := newScene(t, stack, 1)
			s.config.Ledger = &s.ledger
			c.change(&s.config)
			if _, err := judge.Run(testContext(t), s.config); err == nil || !strings.Contains(err.Error(), "topic "+c.missing) {
				t.Errorf("got %v, want an error that names topic %s", err, c.missing)
			}
		})
	}
	t.Run("dead letters may be missing", func(t *testing.T) {
		s := newScene(t, stack, 1)
		s.config.DeadLetterTopic = "no-letters"
		s.expect(counts{})
	})
}

// The ledger comes over HTTP as well; one that breaks off, or an answer that is not one, is refused.
func TestRun_FetchesTheLedger(t *testing.T) {
	stack := newStack(t)
	s := newScene(t, stack, 1)
	v1 := made("c1", "m1", 1)
	s.shown(v1, to(alice, noon))
	s.commit(s.record(v1, 0))
	handler := http.NewServeMux()
	handler.HandleFunc("/whole", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.ledger.Bytes()) })
	handler.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(s.ledger.Bytes())
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler) // cuts the connection behind a whole line
	})
	server := httptest.NewTLSServer(handler)
	defer server.Close()

	s.config.LedgerClient = server.Client()
	run := func(path string) (*judge.Verdict, error) {
		s.config.LedgerURL = server.URL + path
		return judge.Run(testContext(t), s.config)
	}
	verdict, err := run("/whole")
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Exposed != 1 || verdict.InTopic != 1 {
		t.Errorf("got %s, want 1 in topic", verdict)
	}
	if _, err = run("/broken"); !errors.Is(err, judge.ErrLedger) {
		t.Errorf("a ledger that breaks off: got %v, want ErrLedger", err)
	}
	if _, err = run("/nowhere"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("no ledger there: got %v, want the status", err)
	}
}

// A registry that is down is not a fault of the data.
func TestRun_RefusesWithoutARegistry(t *testing.T) {
	stack := newStack(t)
	s := newScene(t, stack, 1)
	v1 := made("c1", "m1", 1)
	s.shown(v1, to(alice, noon))
	s.commit(s.record(v1, 0))
	stack.registry.Fake().Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	s.config.Ledger = bytes.NewReader(s.ledger.Bytes())
	verdict, err := judge.Run(testContext(t), s.config)
	if err == nil || !strings.Contains(err.Error(), "fetch schema 1000") {
		t.Errorf("got %v, %v, want an error that names the schema", verdict, err)
	}
}
