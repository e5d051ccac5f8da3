package txn

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A transaction does not end before the client has stored the partitions it wrote to, or it would be taken
// for empty; nor does it wait longer than the caller. How the client loses a transaction without it cannot
// be forced: TestReach_AReadBackFindsWhatIsOnItsWay failed once in 300 runs on busy processors.
func TestCommit_WaitsUntilTheClientKnowsThePartitions(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("id"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	adm := kadm.NewClient(cl)
	if _, err := adm.CreateTopic(t.Context(), 1, -1, nil, "out"); err != nil {
		t.Fatal(err)
	}
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := Commit(short, cl, "out"); err == nil || !strings.Contains(err.Error(), "partitions of out") {
		t.Errorf("a transaction ended for a topic without known partitions: %v", err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "out", Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := Commit(t.Context(), cl, "out"); err != nil {
		t.Fatal(err)
	}
	stable, err := adm.ListCommittedOffsets(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	if at, _ := stable.Lookup("out", 0); at.Offset != 2 { // the record and the marker
		t.Errorf("the last stable offset is %d, want 2", at.Offset)
	}
}
