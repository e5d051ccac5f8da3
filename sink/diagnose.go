package sink

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Reason joins what a broker answered last and what Diagnose found. Either may be empty.
func Reason(answer, found string) string {
	if answer != "" {
		answer = "last broker answer " + answer
	}
	if answer != "" && found != "" {
		answer += "; "
	}
	return answer + found
}

// Diagnose asks the cluster why it may not take what is written to the topics, and returns what is
// wrong in words for people: partitions without a leader, and partitions with fewer in-sync replicas
// than min.insync.replicas asks for. It returns the empty string if nothing is, or if nobody answers.
func Diagnose(ctx context.Context, adm *kadm.Client, t Topics) string {
	names := []string{t.Output, t.DeadLetters, t.Offsets}
	details, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return ""
	}
	// Without the permission to describe them the leaders alone can be told.
	described, _ := DescribeTopics(ctx, adm, t)
	needed := make(map[string]int)
	for _, topic := range described {
		needed[topic.Name] = int(topic.MinInSync)
	}
	var wrong []string
	for _, name := range names {
		for _, p := range details[name].Partitions.Sorted() {
			switch {
			case p.Leader < 0:
				wrong = append(wrong, fmt.Sprintf("partition %d of %s has no leader", p.Partition, name))
			case len(p.ISR) < needed[name]:
				wrong = append(wrong, fmt.Sprintf("partition %d of %s has %d of %d in-sync replicas", p.Partition, name, len(p.ISR), needed[name]))
			}
		}
	}
	const most = 3
	if more := len(wrong) - most; more > 0 {
		wrong = append(slices.Clip(wrong[:most]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(wrong, ", ")
}
