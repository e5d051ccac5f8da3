package judge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/instruments/judge"
)

// A scene in which everything is as it should be, with each kind of outcome once.
func TestRun_AcceptsWhatIsRight(t *testing.T) {
	s := newScene(t, newStack(t), 3)
	first, second, third := made("c1", "m1", 1), made("c1", "m1", 2), made("c1", "m1", 3)
	other, letter, cut, never := made("c2", "m1", 1), made("c2", "m2", 1), made("c2", "m3", 1), made("c2", "m4", 1)

	s.shown(first, to(alice, noon+1000), to(bob, noon+2000))
	s.shown(second, to(alice, noon+3000))
	s.shown(third, to(bob, noon+3500))
	s.shown(other, to(bob, noon+2000))
	s.shown(letter, to(bob, noon+2000))
	s.shown(cut, cutOff(to(bob, noon+2000)))
	s.bad(to(alice, noon+3000))
	s.shown(never)

	s.commit(s.record(first, 0), s.record(other, 2), s.mark(bob, noon+2100, noon+2000))
	s.write(kgo.TryAbort, s.record(third, 0), s.record(other, 2), s.letter("junk"), s.mark(alice, noon+2500, noon+9000))
	s.commit(s.letter(badItem), s.letter(letter.raw()))
	s.commit(s.record(third, 0), s.mark(alice, noon+4000, noon+3000), s.mark(bob, noon+4000, noon+3500))

	s.config.Samples = 2
	v := s.expect(counts{exposed: 6, inTopic: 3, superseded: 1, deadLetters: 2, unseen: 1})
	if want := "exposed 6 · in topic 3 · superseded 1 · missing 0 · duplicated 0 · reordered 0 · dead letters 2"; v.String() != want {
		t.Errorf("got  %s\nwant %s", v, want)
	}
	if v.Seconds <= 0 {
		t.Errorf("the judgment took %v seconds", v.Seconds)
	}
	if len(v.Samples) != 2 {
		t.Fatalf("got %d samples, want 2", len(v.Samples))
	}
	var sample map[string]any
	if err := json.Unmarshal([]byte(v.Samples[0]), &sample); err != nil {
		t.Fatalf("a sample is not JSON: %v", err)
	}
	if sample["body"] == "" || sample["from"] != "Alice" || sample["chatId"] == "" {
		t.Errorf("the sample shows too little: %s", v.Samples[0])
	}
}

// Nothing to judge is not an error, and no hanging: all partitions are empty.
func TestRun_TakesEmptyTopics(t *testing.T) {
	s := newScene(t, newStack(t), 3)
	s.expect(counts{})
}

// Every kind of fault in the topics is found, counted as what it is, and named.
func TestRun_FindsEveryFault(t *testing.T) {
	stack := newStack(t)
	v1, v2 := made("c1", "m1", 1), made("c1", "m1", 2)
	// Both versions are shown to alice, in windows that are committed before the next is shown.
	setUp := func(s *scene) {
		s.shown(v1, to(alice, noon+1000))
		s.shown(v2, to(alice, noon+3000))
		s.commit(s.mark(alice, noon+2000, noon+1000), s.mark(alice, noon+4000, noon+3000))
	}
	changed := func(record *kgo.Record, change func(*kgo.Record)) *kgo.Record {
		change(record)
		return record
	}
	header := func(key, value string) func(*kgo.Record) {
		return func(record *kgo.Record) {
			i := slices.IndexFunc(record.Headers, func(h kgo.RecordHeader) bool { return h.Key == key })
			record.Headers[i].Value = []byte(value)
		}
	}
	for _, c := range []struct {
		name  string
		write func(*scene)
		want  counts
		kind  judge.Finding
		names []string
	}{
		{
			name:  "a version is lost",
			write: func(s *scene) { s.commit(s.record(v2, 0)) },
			want:  counts{exposed: 2, inTopic: 1, missing: 1},
			kind:  judge.Missing,
			names: []string{v1.key(), "user alice", "committed at 2026-03-04T12:00:02.000Z", "seq 2 was shown only at 2026-03-04T12:00:03.000Z"},
		},
		{
			name:  "the newest version is lost",
			write: func(s *scene) { s.commit(s.record(v1, 0)) },
			want:  counts{exposed: 2, inTopic: 1, missing: 1},
			kind:  judge.Missing,
			names: []string{v2.key(), "nothing newer was shown"},
		},
		{
			name:  "a version is in an aborted transaction only",
			write: func(s *scene) { s.commit(s.record(v1, 0)); s.write(kgo.TryAbort, s.record(v2, 0)) },
			want:  counts{exposed: 2, inTopic: 1, missing: 1},
			kind:  judge.Missing,
			names: []string{v2.key()},
		},
		{
			name:  "a version is there three times",
			write: func(s *scene) { s.commit(s.record(v1, 0), s.record(v2, 0), s.record(v2, 0), s.record(v2, 0)) },
			want:  counts{exposed: 2, inTopic: 2, duplicated: 2},
			kind:  judge.Duplicated,
			names: []string{v2.key(), "partition 0 offset 2", "already at partition 0 offset 1"},
		},
		{
			name:  "a version is in the dead letters too",
			write: func(s *scene) { s.commit(s.record(v1, 0), s.record(v2, 0), s.letter(v2.raw())) },
			want:  counts{exposed: 2, inTopic: 2, duplicated: 1},
			kind:  judge.Duplicated,
			names: []string{v2.key(), "dead letters too"},
		},
		{
			name:  "a dead letter is there twice",
			write: func(s *scene) { s.commit(s.record(v1, 0), s.letter(v2.raw()), s.letter(v2.raw())) },
			want:  counts{exposed: 2, inTopic: 1, deadLetters: 1, duplicated: 1},
			kind:  judge.Duplicated,
			names: []string{v2.key(), "partition 0 offset 1"},
		},
		{
			name:  "versions go back",
			write: func(s *scene) { s.commit(s.record(v2, 0), s.record(v1, 0)) },
			want:  counts{exposed: 2, inTopic: 2, reordered: 1},
			kind:  judge.Reordered,
			names: []string{v1.key(), "partition 0 offset 1", "comes after seq 2 at offset 0"},
		},
		{
			name:  "a chat is spread over partitions",
			write: func(s *scene) { s.commit(s.record(v1, 0)); s.commit(s.record(v2, 1)) },
			want:  counts{exposed: 2, inTopic: 2, reordered: 1},
			kind:  judge.Reordered,
			names: []string{"the chat is in partition"},
		},
		{
			name:  "a record was invented",
			write: func(s *scene) { s.commit(s.record(v1, 0), s.record(v2, 0), s.record(made("c1", "m9", 1), 0)) },
			want:  counts{exposed: 2, inTopic: 2, unknown: 1},
			kind:  judge.Unknown,
			names: []string{"chat c1 message m9", "partition 0 offset 2"},
		},
		{
			name:  "a dead letter was invented",
			write: func(s *scene) { s.commit(s.record(v1, 0), s.record(v2, 0), s.letter(`{"id":"?"}`)) },
			want:  counts{exposed: 2, inTopic: 2, unknown: 1},
			kind:  judge.Unknown,
			names: []string{".dlq partition 0 offset 0"},
		},
		{
			name: "another version's body",
			write: func(s *scene) {
				swapped := v2
				swapped.body = v1.body
				s.commit(s.record(v1, 0), s.record(swapped, 0))
			},
			want:  counts{exposed: 2, inTopic: 2, bodyMismatch: 1},
			kind:  judge.BodyMismatch,
			names: []string{v2.key(), "partition 0 offset 1"},
		},
		{
			name: "another key",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), func(r *kgo.Record) { r.Key = []byte("c2") }))
			},
			want:  counts{exposed: 2, inTopic: 2, mismatched: 1},
			kind:  judge.Mismatched,
			names: []string{v2.key(), "the key is not the chatId"},
		},
		{
			name: "another time in the value and in ce_time",
			write: func(s *scene) {
				early := v2
				early.time--
				s.commit(s.record(v1, 0), s.record(early, 0))
			},
			want:  counts{exposed: 2, inTopic: 2, mismatched: 1},
			kind:  judge.Mismatched,
			names: []string{v2.key(), "the time is not the one that was shown"},
		},
		{
			name: "ce_time with half a millisecond more than the value",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), header("ce_time", "2026-03-04T12:00:02.0005Z")))
			},
			want:  counts{exposed: 2, inTopic: 2, mismatched: 1},
			kind:  judge.Mismatched,
			names: []string{"ce_time is not the value's time"},
		},
		{
			name: "ce_id of another version",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), header("ce_id", "c1/m1/"+v1.etag)))
			},
			want:  counts{exposed: 2, inTopic: 2, mismatched: 1},
			kind:  judge.Mismatched,
			names: []string{"ce_id is not chatId/id/etag"},
		},
		{
			name: "another tenant, subject, type, format version, content type",
			write: func(s *scene) {
				record := s.record(v2, 0)
				for key, value := range map[string]string{
					"ce_source": "https://graph.microsoft.com/tenants/other", "ce_subject": "m2",
					"ce_type": "com.microsoft.graph.chatMessage.moved", "ce_specversion": "0.3", "content-type": "",
				} {
					header(key, value)(record)
				}
				s.commit(s.record(v1, 0), record)
			},
			want:  counts{exposed: 2, inTopic: 2, mismatched: 1},
			kind:  judge.Mismatched,
			names: []string{"ce_source does not", "ce_subject is not", "ce_type is not one of", "ce_specversion is not", "content-type is missing"},
		},
		{
			name: "headers that stand twice",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), func(r *kgo.Record) {
					r.Headers = append(r.Headers, r.Headers[1])
				}))
			},
			want:  counts{exposed: 2, inTopic: 2, mismatched: 1},
			kind:  judge.Mismatched,
			names: []string{"ce_id is given twice"},
		},
		{
			name: "a value that is cut short",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), func(r *kgo.Record) { r.Value = r.Value[:len(r.Value)-3] }))
			},
			want:  counts{exposed: 2, inTopic: 1, missing: 1, undecodable: 1},
			kind:  judge.Undecodable,
			names: []string{"partition 0 offset 1", "does not fit schema 1000"},
		},
		{
			name: "a value with bytes left over",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), func(r *kgo.Record) { r.Value = append(r.Value, 0) }))
			},
			want:  counts{exposed: 2, inTopic: 1, missing: 1, undecodable: 1},
			kind:  judge.Undecodable,
			names: []string{"1 bytes are left over"},
		},
		{
			name: "a schema that was never registered",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), func(r *kgo.Record) { r.Value[4]++ }))
			},
			want:  counts{exposed: 2, inTopic: 1, missing: 1, undecodable: 1},
			kind:  judge.Undecodable,
			names: []string{"schema with id 1001"},
		},
		{
			name: "no frame",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), changed(s.record(v2, 0), func(r *kgo.Record) { r.Value[0] = 1 }))
			},
			want: counts{exposed: 2, inTopic: 1, missing: 1, undecodable: 1},
			kind: judge.Undecodable,
		},
		{
			name: "a tombstone",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), s.record(v2, 0), &kgo.Record{Topic: s.topic, Key: []byte(v1.chat)})
			},
			want: counts{exposed: 2, inTopic: 2, undecodable: 1},
			kind: judge.Undecodable,
		},
		{
			name: "an invalid position",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), s.record(v2, 0), s.position(alice, noon, map[string]any{"window": map[string]any{"to": 1}}))
			},
			want:  counts{exposed: 2, inTopic: 2, undecodable: 1},
			kind:  judge.Undecodable,
			names: []string{"user alice", "not flat"},
		},
		{
			name: "a position of another format",
			write: func(s *scene) {
				later := s.position(alice, noon, map[string]any{"mark.10m0s": 1})
				later.Value = []byte(`{"version":2,"mark.10m0s":1}`)
				s.commit(s.record(v1, 0), s.record(v2, 0), later)
			},
			want:  counts{exposed: 2, inTopic: 2, undecodable: 1},
			kind:  judge.Undecodable,
			names: []string{"not of format version 1"},
		},
		{
			name: "a position whose mark is not a number",
			write: func(s *scene) {
				s.commit(s.record(v1, 0), s.record(v2, 0), s.position(alice, noon, map[string]any{"mark.10m0s": "noon"}))
			},
			want:  counts{exposed: 2, inTopic: 2, undecodable: 1},
			kind:  judge.Undecodable,
			names: []string{"a time in the value is not a number"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, stack, 2)
			setUp(s)
			c.write(s)
			v := s.expect(c.want)
			expectExample(t, v, c.kind, c.names...)
			for _, line := range lines(v) {
				if strings.Contains(line, "body 1") || strings.Contains(line, "body 2") {
					t.Errorf("an example shows a body: %s", line)
				}
			}
		})
	}
}

// What the ledger may say beyond the plain case.
func TestRun_ReadsTheLedgerAsItIsMeant(t *testing.T) {
	stack := newStack(t)
	v1 := made("c1", "m1", 1)
	ledgerLine := func(change map[string]any) map[string]any {
		fields := ledgerFields(v1, []showing{to(alice, noon+1000)})
		for name, value := range change {
			if value == nil {
				delete(fields, name)
				continue
			}
			fields[name] = value
		}
		return fields
	}
	for _, c := range []struct {
		name  string
		build func(*scene)
		want  counts
	}{
		{
			name:  "cut off and absent: it may never have arrived",
			build: func(s *scene) { s.shown(v1, cutOff(to(alice, noon)), cutOff(to(bob, noon))) },
		},
		{
			name:  "cut off and in the topic: it did arrive",
			build: func(s *scene) { s.shown(v1, cutOff(to(alice, noon))); s.commit(s.record(v1, 0)) },
			want:  counts{exposed: 1, inTopic: 1},
		},
		{
			name:  "cut off for one, whole for another, and absent",
			build: func(s *scene) { s.shown(v1, cutOff(to(alice, noon)), to(bob, noon)) },
			want:  counts{exposed: 1, missing: 1, uncommitted: 1},
		},
		{
			name:  "never shown and absent",
			build: func(s *scene) { s.shown(v1) },
			want:  counts{unseen: 1},
		},
		{
			name:  "never shown and yet in the topic",
			build: func(s *scene) { s.shown(v1); s.commit(s.record(v1, 0)) },
			want:  counts{unseen: 1, unknown: 1},
		},
		{
			name:  "never shown and yet in the dead letters",
			build: func(s *scene) { s.shown(v1); s.commit(s.letter(v1.raw())) },
			want:  counts{unseen: 1, unknown: 1},
		},
		{
			name:  "a bad item that is lost",
			build: func(s *scene) { s.bad(to(alice, noon)) },
			want:  counts{exposed: 1, missing: 1, uncommitted: 1},
		},
		{
			name: "a bad item that is lost, though a newer version of the same message was shown",
			build: func(s *scene) {
				s.line(ledgerLine(map[string]any{"bad": "odd time", "sha256": hash("?"), "etag": "odd", "seq": 0}))
				s.shown(v1, to(alice, noon))
				s.commit(s.record(v1, 0))
			},
			want: counts{exposed: 2, inTopic: 1, missing: 1, uncommitted: 1},
		},
		{
			name:  "a bad item whose bytes were changed on the way",
			build: func(s *scene) { s.bad(to(alice, noon)); s.commit(s.letter(badItem + " ")) },
			want:  counts{exposed: 1, missing: 1, unknown: 1, uncommitted: 1},
		},
		{
			name:  "a bad item that was read a hundred times and written twice",
			build: func(s *scene) { s.bad(to(alice, noon)); s.commit(s.letter(badItem), s.letter(badItem)) },
			want:  counts{exposed: 1, deadLetters: 1, duplicated: 1},
		},
		{
			name:  "a bad item that was cut off and is absent",
			build: func(s *scene) { s.bad(cutOff(to(alice, noon))) },
		},
		{
			name: "a bad item with an identity that could be converted after all",
			build: func(s *scene) {
				fields := ledgerLine(map[string]any{"bad": "odd time", "sha256": hash("?"), "time": nil, "bodySha256": nil})
				s.line(fields)
				s.commit(s.record(v1, 0))
			},
			want: counts{exposed: 1, inTopic: 1},
		},
		{
			name: "copies that differ by milliseconds",
			build: func(s *scene) {
				s.line(ledgerLine(map[string]any{"times": []int64{v1.time + 3, v1.time + 7}}))
				late := v1
				late.time += 7
				s.commit(s.record(late, 0))
			},
			want: counts{exposed: 1, inTopic: 1},
		},
		{
			name: "copies that differ by milliseconds, each told at its showing",
			build: func(s *scene) {
				s.line(ledgerLine(map[string]any{"shown": []map[string]any{
					{"user": alice, "at": stamp(noon), "to": noon},
					{"user": bob, "at": stamp(noon), "to": noon, "time": v1.time - 4},
				}}))
				early := v1
				early.time -= 4
				s.commit(s.record(early, 0))
			},
			want: counts{exposed: 1, inTopic: 1},
		},
		{
			name: "no body in the ledger: any will do",
			build: func(s *scene) {
				s.line(ledgerLine(map[string]any{"bodySha256": nil}))
				s.commit(s.record(v1, 0))
			},
			want: counts{exposed: 1, inTopic: 1},
		},
		{
			name: "null content in the ledger, content in the topic",
			build: func(s *scene) {
				s.line(ledgerLine(map[string]any{"bodySha256": ""}))
				s.commit(s.record(v1, 0))
			},
			want: counts{exposed: 1, inTopic: 1, bodyMismatch: 1},
		},
		{
			name: "content in the ledger, none in the topic",
			build: func(s *scene) {
				s.shown(v1, to(alice, noon))
				s.commit(s.bodiless(v1))
			},
			want: counts{exposed: 1, inTopic: 1, bodyMismatch: 1},
		},
		{
			name: "bodies dropped by configuration",
			build: func(s *scene) {
				s.config.BodiesDropped = true
				s.shown(v1, to(alice, noon))
				s.commit(s.bodiless(v1))
			},
			want: counts{exposed: 1, inTopic: 1},
		},
		{
			name: "a version without an etag goes by its time",
			build: func(s *scene) {
				s.line(ledgerLine(map[string]any{"etag": ""}))
				plain := v1
				plain.etag = ""
				record := s.record(plain, 0)
				record.Headers[1].Value = fmt.Appendf(nil, "c1/m1/%d", v1.time)
				s.commit(record)
			},
			want: counts{exposed: 1, inTopic: 1},
		},
		{
			name: "ids with slashes in them",
			build: func(s *scene) {
				odd := made("19:a/b", "1/2", 1)
				s.shown(odd, to(alice, noon))
				s.commit(s.record(odd, 0))
			},
			want: counts{exposed: 1, inTopic: 1},
		},
		{
			name: "ids that make the same text when joined",
			build: func(s *scene) {
				s.shown(made("c1", "m1", 1), to(alice, noon))
				s.shown(made("c", "1m1", 1), to(alice, noon))
				s.commit(s.record(made("c", "1m1", 1), 1), s.record(made("c1", "m1", 1), 0))
			},
			want: counts{exposed: 2, inTopic: 2},
		},
		{
			name: "one id in two chats",
			build: func(s *scene) {
				other := made("c2", "m1", 1)
				s.shown(v1, to(alice, noon))
				s.shown(other, to(alice, noon))
				s.commit(s.record(other, 1), s.record(v1, 0))
			},
			want: counts{exposed: 2, inTopic: 2},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, stack, 2)
			c.build(s)
			s.expect(c.want)
		})
	}
}

// bodiless is a version's record without a body.
func (s *scene) bodiless(v version) *kgo.Record {
	s.t.Helper()
	record := s.record(v, 0)
	record.Value = s.value(map[string]any{
		"unmapped": map[string]string{}, "chatId": v.chat, "id": v.id, "etag": v.etag,
		"lastModifiedDateTime": record.Timestamp, "createdDateTime": nil, "body": nil, "from": nil,
	})
	return record
}

// Samples show every event type, bodies cut to forty characters, and no more than were asked for.
func TestRun_SamplesEveryEventType(t *testing.T) {
	s := newScene(t, newStack(t), 1)
	long := "<p>" + strings.Repeat("ä", 36)
	var records []*kgo.Record
	for i, kind := range []string{"created", "created", "created", "updated", "deleted"} {
		v := made("c1", fmt.Sprint("m", i), 1)
		v.body = long + "bcd"
		s.shown(v, to(alice, noon))
		record := s.record(v, 0)
		record.Headers[2].Value = []byte("com.microsoft.graph.chatMessage." + kind)
		records = append(records, record)
	}
	s.commit(records...)
	s.config.Samples = 4
	v := s.expect(counts{exposed: 5, inTopic: 5})
	var types []string
	for _, line := range v.Samples {
		var sample struct{ Type, Body string }
		if err := json.Unmarshal([]byte(line), &sample); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(line, "<p>") {
			t.Errorf("the sample escapes markup: %s", line)
		}
		types = append(types, strings.TrimPrefix(sample.Type, "com.microsoft.graph.chatMessage."))
		if want := long + "b…"; sample.Body != want {
			t.Errorf("the sample's body is %q, want %q", sample.Body, want)
		}
	}
	if want := []string{"created", "updated", "deleted", "created"}; !slices.Equal(types, want) {
		t.Errorf("samples of %v, want %v", types, want)
	}
}

// What is written while the judge reads is not part of the judgment: the ledger, taken after the
// watermarks, may not know it yet.
func TestRun_StopsAtTheWatermarksOfItsStart(t *testing.T) {
	s := newScene(t, newStack(t), 2)
	v1, late := made("c1", "m1", 1), made("c1", "m1", 2)
	s.shown(v1, to(alice, noon))
	s.commit(s.record(v1, 0), s.mark(alice, noon+1000, noon))
	s.config.Ledger = &beforeReading{Reader: &s.ledger, do: func() {
		s.commit(s.record(late, 0), s.record(late, 1), s.letter("junk"), s.mark(alice, noon+2000, noon+1000))
	}}
	var last judge.Progress
	stages := make(map[string]bool)
	s.config.Progress = func(p judge.Progress) { stages[p.Stage], last = true, p }
	verdict, err := judge.Run(testContext(t), s.config)
	if err != nil {
		t.Fatal(err)
	}
	if !verdict.OK() || verdict.InTopic != 1 {
		t.Errorf("got %s with %v", verdict, lines(verdict))
	}
	// Two records and the control records behind them.
	if want := (judge.Progress{Stage: "topics", Done: 4, Total: 4}); last != want || !stages["ledger"] {
		t.Errorf("progress ended at %+v after the stages %v, want %+v", last, stages, want)
	}
}

// The cleaner may take away the very record below a watermark while the judge reads; the partition ends
// then with the first record behind it.
func TestRun_LivesWithCompaction(t *testing.T) {
	stack := newStack(t)
	s := newScene(t, stack, 1)
	s.config.OffsetsTopic = s.topic + ".compacted"
	s.shown(made("c1", "m1", 1), to(alice, noon))
	s.commit(s.record(made("c1", "m1", 1), 0))

	client, err := kgo.NewClient(kgo.SeedBrokers(stack.kafka.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	policy, forever := "compact", "-1"
	settings := map[string]*string{"cleanup.policy": &policy, "retention.ms": &forever}
	if _, err = kadm.NewClient(client).CreateTopic(testContext(t), 1, -1, settings, s.config.OffsetsTopic); err != nil {
		t.Fatal(err)
	}
	write := func(at int64) {
		record := s.mark(alice, at, at)
		record.Topic, record.Partition = s.config.OffsetsTopic, 0
		if err := client.ProduceSync(testContext(t), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	write(noon + 1000)
	write(noon + 2000)
	// The cleaner leaves the last batch alone, so two more must follow before it takes the second.
	s.config.Ledger = &beforeReading{Reader: &s.ledger, do: func() {
		write(noon + 3000)
		write(noon + 4000)
		stack.kafka.Cluster().Compact()
	}}
	verdict, err := judge.Run(testContext(t), s.config)
	if err != nil {
		t.Fatal(err)
	}
	if !verdict.OK() || verdict.InTopic != 1 {
		t.Errorf("got %s with %v", verdict, lines(verdict))
	}
}

// beforeReading does something before its first byte is read.
type beforeReading struct {
	io.Reader
	do func()
}

func (b *beforeReading) Read(into []byte) (int, error) {
	if b.do != nil {
		b.do()
		b.do = nil
	}
	return b.Reader.Read(into)
}

// Examples stop growing, the count does not.
func TestRun_KeepsAFewExamples(t *testing.T) {
	s := newScene(t, newStack(t), 1)
	for i := range 9 {
		s.shown(made("c1", fmt.Sprint("m", i), 1), to(alice, noon))
	}
	s.config.Examples = 2
	v := s.expect(counts{exposed: 9, missing: 9, uncommitted: 9})
	if got := len(v.Examples[judge.Missing]); got != 2 {
		t.Errorf("got %d examples, want 2", got)
	}
}
