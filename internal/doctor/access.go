package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// topicOperations are what the connector does to each topic.
var topicOperations = []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs}

// accessTopics asks the brokers what the account may do to the topics. Whether it may create those that are missing is
// looked at with the topic.
func (k *kafka) accessTopics(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range k.names() {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, topic)
	}
	resp, err := req.RequestWith(ctx, k.cl)
	if err != nil {
		return fail(err.Error(), "check the brokers")
	}
	var lacking, untold, missing []string
	remedy := ""
	for _, topic := range resp.Topics {
		name := ""
		if topic.Topic != nil {
			name = *topic.Topic
		}
		var allowed []kadm.ACLOperation
		switch err := kerr.ErrorForCode(topic.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			missing = append(missing, name)
			continue
		case errors.Is(err, kerr.TopicAuthorizationFailed):
		case err != nil:
			return fail(fmt.Sprintf("topic %s: %v", name, err), "check the brokers")
		case topic.AuthorizedOperations == math.MinInt32: // so the protocol says that it does not say
			untold = append(untold, name)
			continue
		default:
			allowed = kadm.DecodeACLOperations(topic.AuthorizedOperations)
		}
		var operations []string
		for _, operation := range topicOperations {
			if !slices.Contains(allowed, operation) && !slices.Contains(allowed, kmsg.ACLOperationAll) {
				operations = append(operations, operationName(operation))
			}
		}
		if len(operations) > 0 {
			lacking = append(lacking, strings.Join(operations, ", ")+" on topic "+name)
			if remedy == "" {
				remedy = acl(strings.Join(operations, " --operation "), "--topic "+name)
			}
		}
	}
	switch {
	case len(lacking) > 0:
		return fail("the account lacks "+strings.Join(lacking, "; "), remedy)
	case len(untold) > 0:
		return warn("the brokers do not tell what the account may do to "+strings.Join(untold, ", "),
			"make sure of Read, Write, Describe and DescribeConfigs")
	case len(missing) == len(resp.Topics):
		return ok("none of the topics exists yet; whoever creates one may do everything to it only with ACLs that say so")
	default:
		return ok("Read, Write, Describe and DescribeConfigs on each topic that exists")
	}
}

// accessGroup sends a heartbeat of a member that there is not: nobody notices, and who may not join is told so.
func (k *kafka) accessGroup(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID = k.cfg.Group, "doctor"
	resp, err := req.RequestWith(ctx, k.cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return fail("the account may not join the consumer group "+k.cfg.Group+": "+err.Error(), acl("Read", "--group "+k.cfg.Group))
	case err != nil && codeOf(err) == 0:
		return fail("the coordinator of the consumer group "+k.cfg.Group+" does not answer: "+err.Error(), "check the brokers")
	default:
		return ok("the account may join the consumer group %s", k.cfg.Group)
	}
}

// foreignProducer is a producer id that no broker gives.
const foreignProducer = math.MaxInt64

// accessTransactionalID ends, for each tenant, a transaction of a producer that there is not: who may not write with the
// transactional id is told so first, and everybody else that this is not the producer. The one that is notices nothing.
func (k *kafka) accessTransactionalID(ctx context.Context) Finding {
	if !k.cfg.ExactlyOnce {
		return skipped("DELIVERY=idempotent needs no transactional id")
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var refused []string
	for _, t := range k.cfg.Tenants {
		id := sink.TransactionalID(k.cfg.Topics.Output, t.ID)
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID = id, foreignProducer
		resp, err := req.RequestWith(ctx, k.cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		switch {
		case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
			refused = append(refused, id)
		case err != nil && codeOf(err) == 0:
			return fail("the coordinator of the transactional id "+id+" does not answer: "+err.Error(), "check the brokers")
		}
	}
	if len(refused) > 0 {
		return fail("the account may not write with the transactional id "+strings.Join(refused, ", "),
			acl("Write", "--transactional-id "+sink.TransactionalID(k.cfg.Topics.Output, "")+" --resource-pattern-type prefixed"))
	}
	return ok("the account may write with the transactional id of each tenant")
}

// codeOf is the code of a broker's error, 0 if it is not one.
func codeOf(err error) int16 {
	var answered *kerr.Error
	if errors.As(err, &answered) {
		return answered.Code
	}
	return 0
}

// acl is the command that grants something.
func acl(operation, resource string) string {
	return "kafka-acls.sh --bootstrap-server … --add --allow-principal User:… --operation " + operation + " " + resource
}

// operationName spells an operation as kafka-acls.sh does.
func operationName(operation kmsg.ACLOperation) string {
	var b strings.Builder
	for word := range strings.SplitSeq(operation.String(), "_") {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}

func (k *kafka) names() []string {
	return []string{k.cfg.Topics.Output, k.cfg.Topics.DeadLetters, k.cfg.Topics.Offsets}
}
