package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/teams-kafka/connector/sink"
)

// kafka looks at the cluster.
type kafka struct {
	cfg    Config
	cl     *kgo.Client
	adm    *kadm.Client
	topics map[string]sink.Topic
	parts  map[string]kadm.TopicDetail
}

func (k *kafka) checks() []check {
	return []check{
		{name: "kafka", run: k.reach},
		{name: "kafka-sign-in", needs: []string{"kafka"}, run: k.authentication},
		{name: "kafka-brokers", needs: []string{"kafka-sign-in"}, run: k.brokers},
		{name: "kafka-version", needs: []string{"kafka-brokers"}, run: k.version},
		{name: "access-topics", needs: []string{"kafka-brokers"}, run: k.accessTopics},
		{name: "access-group", needs: []string{"kafka-brokers"}, run: k.accessGroup},
		{name: "access-transactional-id", needs: []string{"kafka-version"}, run: k.accessTransactionalID},
		{name: "transactions", needs: []string{"kafka-version"}, run: k.transactions},
		{name: "topic-output", needs: []string{"kafka-brokers"}, run: k.output},
		{name: "topic-dead-letters", needs: []string{"kafka-brokers"}, run: k.deadLetters},
		{name: "topic-offsets", needs: []string{"kafka-brokers"}, run: k.offsets},
		{name: "partitions", needs: []string{"access-topics", "topic-output"}, run: k.partitions},
	}
}

func (k *kafka) close() {
	if k.cl != nil {
		k.cl.Close()
	}
}

// answerTimeout bounds what a broker that is there answers at once.
const answerTimeout = 10 * time.Second

// answered notes that a broker has said what it speaks, which is the first thing that a client asks on a connection.
type answered struct{ yes atomic.Bool }

func (a *answered) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == kmsg.ApiVersions.Int16() && err == nil {
		a.yes.Store(true)
	}
}

// reach asks the seed brokers what they speak, which they answer before anybody has signed in. What is asked then can have a broker
// hang up that expects a sign-in; it has been reached all the same.
func (k *kafka) reach(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var answers answered
	cl, err := kgo.NewClient(append(slices.Clone(k.cfg.Unsigned), kgo.WithHooks(&answers))...)
	if err != nil {
		return fail(err.Error(), "check the KAFKA_ settings")
	}
	defer cl.Close()
	var deaf []string
	untrusted := false
	seeds := cl.SeedBrokers()
	for _, seed := range seeds {
		within, cancel := context.WithTimeout(ctx, answerTimeout/2)
		answers.yes.Store(false)
		if _, err := seed.Request(within, kmsg.NewPtrApiVersionsRequest()); err != nil && !answers.yes.Load() {
			deaf = append(deaf, err.Error())
			untrusted = untrusted || sink.Untrusted(err)
		}
		cancel()
	}
	remedy := "check KAFKA_BROKERS, the network and the egress rules, and KAFKA_TLS: brokers that speak TLS and clients that do not hang up on each other"
	if untrusted {
		remedy = "check KAFKA_TLS_CA_FILE against the brokers' certificates, and KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE against what the brokers trust"
	}
	switch len(deaf) {
	case 0:
		return ok("%d of %d seed brokers answer", len(seeds), len(seeds))
	case len(seeds):
		return fail("no broker of KAFKA_BROKERS answers: "+strings.Join(deaf, "; "), remedy)
	default:
		return warn(fmt.Sprintf("%d of %d seed brokers answer: %s", len(seeds)-len(deaf), len(seeds), strings.Join(deaf, "; ")), remedy)
	}
}

// authentication signs in.
func (k *kafka) authentication(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	cl, err := kgo.NewClient(append(slices.Clone(k.cfg.Kafka), kgo.RequestRetries(2))...)
	if err != nil {
		return fail(err.Error(), "check the KAFKA_ settings")
	}
	k.cl, k.adm = cl, kadm.NewClient(cl)
	if err := cl.Ping(ctx); err != nil {
		return fail(fmt.Sprintf("%s: %v", k.cfg.SignIn, err),
			"check KAFKA_SASL_MECHANISM with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or with KAFKA_SASL_OAUTH_…, or the client certificate, against what the brokers have")
	}
	return ok("%s", k.cfg.SignIn)
}

// brokers asks each broker by the address it is advertised with.
func (k *kafka) brokers(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	meta, err := k.adm.BrokerMetadata(ctx)
	if err != nil {
		return fail(err.Error(), "check the brokers")
	}
	var deaf []string
	for _, b := range meta.Brokers {
		if _, err := k.cl.Broker(int(b.NodeID)).RetriableRequest(ctx, kmsg.NewPtrApiVersionsRequest()); err != nil {
			deaf = append(deaf, fmt.Sprintf("broker %d at %s:%d: %v", b.NodeID, b.Host, b.Port, err))
		}
	}
	if len(deaf) > 0 {
		return fail("some brokers cannot be reached where they say they are: "+strings.Join(deaf, "; "),
			"check the brokers' advertised.listeners, the network and the egress rules: each broker must be reachable, not only those of KAFKA_BROKERS")
	}
	return ok("%d brokers answer at their advertised addresses", len(meta.Brokers))
}

// requests are those without which nothing works, and transactional those that DELIVERY=exactly-once makes besides.
var (
	requests = []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata, kmsg.FindCoordinator, kmsg.JoinGroup,
		kmsg.Heartbeat, kmsg.LeaveGroup, kmsg.SyncGroup, kmsg.DescribeConfigs, kmsg.InitProducerID}
	transactional = []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.EndTxn}
)

// version looks at what the brokers speak.
func (k *kafka) version(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	versions, err := k.adm.ApiVersions(ctx)
	if err == nil && len(versions) == 0 {
		err = errors.New("no broker tells what it speaks")
	}
	if err != nil {
		return fail(err.Error(), "check the brokers")
	}
	needed := requests
	if k.cfg.ExactlyOnce {
		needed = append(slices.Clone(requests), transactional...)
	}
	guesses := make(map[string]bool)
	var missing []string
	for _, v := range versions.Sorted() {
		if v.Err != nil {
			return fail(fmt.Sprintf("broker %d: %v", v.NodeID, v.Err), "check the broker")
		}
		guesses[v.VersionGuess()] = true
		for _, key := range needed {
			if _, speaks := v.KeyMaxVersion(key.Int16()); !speaks {
				missing = append(missing, fmt.Sprintf("broker %d: %s", v.NodeID, key.Name()))
			}
		}
	}
	seen := "by what the brokers speak they are Kafka " + joined(guesses) + " or as good as it"
	if len(missing) > 0 {
		return fail(seen+"; not there: "+strings.Join(missing, ", "),
			"a broker without transactions needs DELIVERY=idempotent; else upgrade the brokers")
	}
	return ok("%s", seen)
}

// transactions begins none, but gets what it takes to: with its own transactional id, so that nobody is fenced.
func (k *kafka) transactions(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req := kmsg.NewPtrInitProducerIDRequest()
	throwAway := sink.TransactionalID(k.cfg.Topics.Output, "doctor") // no tenant id, which is a GUID
	if k.cfg.ExactlyOnce {
		req.TransactionalID = &throwAway
		req.TransactionTimeoutMillis = int32(k.cfg.TransactionTimeout.Milliseconds())
	}
	resp, err := req.RequestWith(ctx, k.cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.InvalidTransactionTimeout):
		return fail(fmt.Sprintf("KAFKA_TRANSACTION_TIMEOUT is %v: %v", k.cfg.TransactionTimeout, err),
			"lower KAFKA_TRANSACTION_TIMEOUT, or raise the brokers' transaction.max.timeout.ms")
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return warn("not tried: the account may not use the throw-away transactional id "+throwAway,
			"none needed if access-transactional-id is ok; an ACL by prefix ("+sink.TransactionalID(k.cfg.Topics.Output, "")+") lets this be tried")
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fail("no producer id is given: "+err.Error(), acl("IdempotentWrite", "--cluster"))
	case err != nil:
		return fail("no producer id is given: "+err.Error(), "a broker without transactions needs DELIVERY=idempotent")
	case !k.cfg.ExactlyOnce:
		return ok("producer ids are given; DELIVERY=idempotent needs no transactions")
	default:
		return ok("producer ids are given for transactions of %v", k.cfg.TransactionTimeout)
	}
}

func joined(set map[string]bool) string {
	var all []string
	for s := range set {
		all = append(all, s)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
