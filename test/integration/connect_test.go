//go:build integration

package integration

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/test/kafka"
	"github.com/teams-kafka/connector/test/reading"
)

// consoleConsumerReadsPositions runs the snippet with Kafka's own tool in the place of the script that starts it.
func consoleConsumerReadsPositions(t *testing.T, ctx context.Context, l *library) {
	dir := reading.Write(t, map[string]string{"kafka-console-consumer.sh": fmt.Sprintf(
		"#!/bin/sh\nexec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '%s' org.apache.kafka.tools.consumer.ConsoleConsumer \"$@\"\n", kafka.Classpath(t))})
	cmd := exec.CommandContext(ctx, "sh", "-c", reading.Snippet(t, "The positions"))
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

// positions are what stands in the offsets topic: the last record of each key, and of each of the keys its bytes.
func (s *stage) positions(t *testing.T, ctx context.Context) (positions map[string]offsets.Position, keys map[string]bool) {
	t.Helper()
	newest := make(map[string]*kgo.Record)
	positions, keys = make(map[string]offsets.Position), make(map[string]bool)
	for _, r := range s.records(t, ctx, s.offsetsTopic()) {
		key, err := offsets.ParseKey(r.Key)
		if err != nil {
			t.Fatal(err)
		}
		keys[string(r.Key)] = true
		newest[key.User] = r
	}
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
	return positions, keys
}

// connectReadsAndAltersPositions: a worker's own classes find every position, set them back and take one away, under the
// same keys byte for byte, and the connector goes by what they wrote.
func connectReadsAndAltersPositions(t *testing.T, ctx context.Context, l *library) {
	before, keys := l.positions(t, ctx)
	users := l.sim.Users()
	gone := users[len(users)-1]
	if len(before) != len(users) {
		t.Fatalf("%d positions, want one for each of %d users", len(before), len(users))
	}
	classpath := reading.Compile(t, kafka.Classpath(t), map[string]string{"MoveOffsets.java": reading.File(t, "connect/MoveOffsets.java")})
	got := make(map[string]string)
	for _, line := range l.run(t, java(ctx, classpath, "MoveOffsets", l.settings.KafkaBrokers, l.offsetsTopic(), l.settings.ConnectorName, gone)) {
		if fields := strings.Split(line, "\t"); len(fields) == 3 && fields[0] == "offset" {
			got[fields[1]] = fields[2]
		}
	}
	want := make(map[string]string)
	for user, position := range before {
		want[user] = fmt.Sprint(position.Start)
	}
	if !maps.Equal(got, want) {
		t.Errorf("Connect reads the starts %v, want %v", got, want)
	}

	after, keysAfter := l.positions(t, ctx)
	if !maps.Equal(keys, keysAfter) {
		t.Errorf("Connect writes other keys than the connector: %v, want %v", keysAfter, keys)
	}
	if _, found := after[gone]; found || len(after) != len(users)-1 {
		t.Errorf("%d positions are left, that of %s is among them: %t", len(after), gone, found)
	}
	for user, position := range after {
		for i, mark := range position.Marks {
			if moved := time.Duration(before[user].Marks[i].At-mark.At) * time.Millisecond; moved != time.Hour {
				t.Errorf("%s, rung %v: set back by %v, want an hour", user, mark.Rung, moved)
			}
		}
	}
	p := l.start(t)
	l.commits(t, ctx, int64(len(users)))
	mustBeRight(t, l.settle(t, ctx, p), len(l.versions))
}
