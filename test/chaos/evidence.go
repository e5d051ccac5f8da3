package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// keep writes down what a negative judgment was made from: the ledger, and every record of the topics in the order of their
// partitions, transaction markers and aborted records too, without bodies.
func (s *supervisor) keep(ctx context.Context) error {
	if err := os.MkdirAll(s.evidence, 0o755); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.tenant.URL+"/_sim/ledger", nil)
	if err != nil {
		return err
	}
	response, err := s.graphAPI.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := write(filepath.Join(s.evidence, "ledger.jsonl"), func(w io.Writer) error {
		_, err := io.Copy(w, response.Body)
		return err
	}); err != nil {
		return err
	}
	return write(filepath.Join(s.evidence, "records.txt"), func(w io.Writer) error { return s.records(ctx, w) })
}

func write(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriter(f)
	if err := fill(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// records lists the records of the output topic and of the positions, until nothing comes any more.
func (s *supervisor) records(ctx context.Context, w io.Writer) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.proxy.address()), kgo.ConsumeTopics(topic, name+".offsets"), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		quiet, cancel := context.WithTimeout(ctx, 3*time.Second)
		fetches := cl.PollFetches(quiet)
		cancel()
		if fetches.NumRecords() == 0 {
			return ctx.Err()
		}
		fetches.EachRecord(func(r *kgo.Record) {
			shown := ""
			for _, h := range r.Headers {
				if h.Key == "ce_id" {
					shown = string(h.Value)
				}
			}
			if r.Topic != topic {
				shown = string(r.Value)
			}
			_, _ = fmt.Fprintf(w, "%s/%d@%d %s producer=%d/%d control=%v key=%s %s\n", r.Topic, r.Partition, r.Offset,
				r.Timestamp.UTC().Format(time.RFC3339Nano), r.ProducerID, r.ProducerEpoch, r.Attrs.IsControl(), r.Key, shown) // told by Flush
		})
	}
}
