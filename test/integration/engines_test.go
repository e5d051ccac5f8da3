//go:build integration

package integration

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/test/document"
	"github.com/teams-kafka/connector/test/reading"
)

func compareCounts(got, want map[string]int) error {
	if maps.Equal(got, want) {
		return nil
	}
	for chat, n := range want {
		if got[chat] != n {
			return fmt.Errorf("%d chats, want %d; chat %q has %d versions, want %d", len(got), len(want), chat, got[chat], n)
		}
	}
	return fmt.Errorf("%d chats, want %d", len(got), len(want))
}

// flinkSelects counts by chat and reads fields of from, eventDetail and attachments.
func flinkSelects(t *testing.T, ctx context.Context, l *library) {
	classpath := reading.Compile(t, reading.Jars(t, "flink")+"/*", map[string]string{"RunSql.java": reading.File(t, "flink/RunSql.java")})
	cmd := java(ctx, classpath, "RunSql")
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(document.Replace(t, reading.Snippet(t, "Flink SQL"),
		"kafka:9092", l.settings.KafkaBrokers, "http://registry:8081", l.registry))
	counts := make(map[string]int)
	var rows []string
	for _, line := range l.run(t, cmd) {
		fields := strings.Split(line, "\t")
		switch {
		case fields[0] != "row" || len(fields) < 5:
		case fields[1] == "1" && strings.HasPrefix(fields[2], "+"):
			n, err := strconv.Atoi(fields[4])
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			counts[fields[3]] = n
		case fields[1] == "2":
			rows = append(rows, strings.Join(fields[3:], "\t"))
		}
	}
	if err := compareCounts(counts, l.chats()); err != nil {
		t.Error(err)
	}
	mustMatch(t, blank(rows), l.lines(nested))
}

func nested(v version) []string {
	return []string{v.chat, v.id, v.etag, v.sender, v.event, v.firstNamed}
}

// sparkReads runs the snippet behind the session that the shell would give it, and asks for all rows as well, because show
// cuts off.
func sparkReads(t *testing.T, ctx context.Context, l *library) {
	python, jars := reading.Python(t, "spark"), reading.Jars(t, "spark")
	files, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no jars in %s: %v", jars, err)
	}
	const before = `import sys
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local[2]").config("spark.jars", sys.argv[1]).config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "2").getOrCreate())
`
	const after = `
for row in messages.selectExpr("chatId", "id", "etag", "` + "`from`" + `.user.displayName", "eventDetail.odataType", "get(attachments, 0).name").collect():
    print("row", *row, sep="\t")
`
	program := before + document.Replace(t, reading.Snippet(t, "Spark"), "kafka:9092", l.settings.KafkaBrokers) + after
	cmd := exec.CommandContext(ctx, python, "read.py", strings.Join(files, ","))
	cmd.Dir = reading.Write(t, map[string]string{"read.py": program, "chat_message.avsc": schema.Text()})
	cmd.Env = l.environment("SPARK_LOCAL_IP=127.0.0.1")
	counts := make(map[string]int)
	var rows []string
	for _, line := range l.run(t, cmd) {
		if row, found := strings.CutPrefix(line, "row\t"); found {
			rows = append(rows, row)
			continue
		}
		// show prints |chatId |count|.
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			if n, err := strconv.Atoi(strings.TrimSpace(cells[2])); err == nil {
				counts[strings.TrimSpace(cells[1])] = n
			}
		}
	}
	if err := compareCounts(counts, l.chats()); err != nil {
		t.Error(err)
	}
	mustMatch(t, blank(rows), l.lines(nested))
}
