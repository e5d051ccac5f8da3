//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/test/document"
	"github.com/teams-kafka/connector/test/kafka"
	"github.com/teams-kafka/connector/test/reading"
)

// consoleConsumerReadsPositions runs the snippet with Kafka's own tool in the place of the script that starts it.
func consoleConsumerReadsPositions(t *testing.T, ctx context.Context, l *library) {
	script := fmt.Sprintf("#!/bin/sh\nexec java -Xmx256m -XX:TieredStopAtLevel=1 -cp '%s' %s \"$@\"\n",
		kafka.Classpath(t), "org.apache.kafka.tools.consumer.ConsoleConsumer")
	dir := reading.Write(t, map[string]string{"kafka-console-consumer.sh": script})
	snippet := reading.Snippet(t, "The positions")
	if strings.HasPrefix(kafka.Version(), "3.") {
		snippet = document.Replace(t, snippet, "--formatter-property", "--property")
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", snippet)
	cmd.Env = l.environment("PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH"))
	var want []string
	for _, r := range l.records(t, ctx, l.offsetsTopic()) {
		value := "null"
		if r.Value != nil {
			value = string(r.Value)
		}
		want = append(want, string(r.Key)+"\t"+value)
	}
	mustMatch(t, l.run(t, cmd), want)
}

// positions are what is in the offsets topic: of the records for a user the newest, and the keys, byte for byte, whose
// last record is not a tombstone.
func (s *stage) positions(t *testing.T, ctx context.Context) (positions map[string]offsets.Position, keys []string) {
	t.Helper()
	last, newest := make(map[string]*kgo.Record), make(map[string]*kgo.Record)
	for _, r := range s.records(t, ctx, s.offsetsTopic()) {
		key, err := offsets.ParseKey(r.Key)
		if err != nil {
			t.Fatal(err)
		}
		last[string(r.Key)] = r
		if known := newest[key.User]; known == nil || !r.Timestamp.Before(known.Timestamp) {
			newest[key.User] = r
		}
	}
	positions = make(map[string]offsets.Position)
	for user, r := range newest {
		if r.Value == nil {
			continue
		}
		position, err := offsets.ParseValue(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		positions[user] = position
	}
	for key, r := range last {
		if r.Value != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return positions, keys
}

// connectReadsAndAltersPositions: a worker's own classes find every position, set the marks back and take one position
// away, under the partitions that they find themselves. A key with its members the other way round is other bytes: the connector takes
// what is there as well, and has one key for each user again after two starts.
func connectReadsAndAltersPositions(t *testing.T, ctx context.Context, l *library) {
	before, keys := l.positions(t, ctx)
	users := l.sim.Users()
	gone, otherOrder := users[0], users[1]
	if len(before) != len(users) || len(keys) != len(users) {
		t.Fatalf("%d positions under %d keys, want one for each of %d users", len(before), len(keys), len(users))
	}
	classpath := reading.Compile(t, kafka.Classpath(t), map[string]string{"MoveOffsets.java": reading.File(t, "connect/MoveOffsets.java")})
	got, want := make(map[string]string), make(map[string]string)
	worker := java(ctx, classpath, "MoveOffsets", l.settings.KafkaBrokers, l.offsetsTopic(), l.settings.ConnectorName, gone, otherOrder)
	for _, line := range l.run(t, worker) {
		if fields := strings.Split(line, "\t"); len(fields) == 3 && fields[0] == "offset" {
			got[fields[1]] = fields[2]
		}
	}
	for user, position := range before {
		want[user] = fmt.Sprint(position.Start)
	}
	if !maps.Equal(got, want) {
		t.Errorf("Connect reads the starts %v, want %v", got, want)
	}

	after, keysOfConnect := l.positions(t, ctx)
	if len(keysOfConnect) != len(keys) { // one is gone, one is there in both orders
		t.Errorf("after Connect's writes there are the keys %q, before %q", keysOfConnect, keys)
	}
	delete(before, gone)
	if len(after) != len(before) {
		t.Errorf("%d positions are left, want %d", len(after), len(before))
	}
	for user, position := range before {
		for i, mark := range position.Marks {
			if moved := time.Duration(mark.At-after[user].Marks[i].At) * time.Millisecond; moved != time.Hour {
				t.Errorf("%s, rung %v: set back by %v, want an hour", user, mark.Rung, moved)
			}
		}
	}
	exported := exec.CommandContext(ctx, binary, "offsets", "export")
	exported.Env = l.connectorEnvironment()
	out, err := exported.Output()
	if err != nil {
		t.Fatalf("offsets export: %v", err)
	}
	seen, err := offsets.ParseLines(bytes.NewReader(out), l.settings.ConnectorName, l.settings.AzureTenantID, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(seen, after, func(a, b offsets.Position) bool { return bytes.Equal(a.Value(), b.Value()) }) {
		t.Errorf("the connector sees %v, Connect has left %v", seen, after)
	}

	// The first start takes Connect's record for the truth and continues under its own key, the second clears Connect's.
	for range 2 {
		p := l.start(t)
		l.commits(t, ctx, int64(len(users)))
		mustBeRight(t, l.settle(t, ctx, p), len(l.versions))
	}
	if _, keysAtEnd := l.positions(t, ctx); !slices.Equal(keysAtEnd, keys) {
		t.Errorf("the connector leaves the keys %q, want %q", keysAtEnd, keys)
	}
}
