package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/schema"
	"github.com/teams-kafka/connector/sink"
	"github.com/teams-kafka/connector/source"
)

// Verdict is how a check came out.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Warn    Verdict = "warn"    // it works, and somebody should know this
	Fail    Verdict = "fail"    // it does not work
	Skipped Verdict = "skipped" // not looked at: it is not needed, or what it rests on failed
)

// Finding is the outcome of one check.
type Finding struct {
	Check string `json:"check"`
	// Tenant is the alias of the tenant it is about, where there are several.
	Tenant  string  `json:"tenant,omitempty"`
	Verdict Verdict `json:"verdict"`
	Seen    string  `json:"seen"`
	// Remedy is what to do, empty where nothing is.
	Remedy string `json:"remedy"`
	// Seconds is how long the check took.
	Seconds float64 `json:"seconds"`
}

// Config says what to look at.
type Config struct {
	Tenants []Tenant

	// Kafka are the options that reach the cluster, Unsigned the same without SASL; SignIn says for people how it is signed
	// in to.
	Kafka, Unsigned []kgo.Opt
	SignIn          string
	// Topics are what is needed of the topics by all tenants together, Group is the consumer group and the
	// name in the keys of positions. IngestTimestamp says that records carry the time of writing.
	Topics sink.Topics
	Group  string

	IngestTimestamp bool
	// ExactlyOnce asks for transactions, TransactionTimeout is theirs.
	ExactlyOnce        bool
	TransactionTimeout time.Duration

	// Registry is nil where records are written without one. Lookup tells that nothing may be registered.
	Registry *schema.Registry
	Lookup   bool
}

// Tenant is one tenant as far as Graph is concerned.
type Tenant struct {
	// ID is the tenant id. Alias names it where there are several.
	ID, Alias string
	Client    *source.Client
	Directory *source.Directory
	Query     source.Query
	Ladder    source.Ladder
}

// patience bounds one check, in which a transient failure is tried again.
const patience = 2 * time.Minute

// check is one thing that is looked at.
type check struct {
	name, tenant string
	needs        []string // checks of the same tenant, or of no tenant, without which it makes no sense
	run          func(context.Context) Finding
}

// CheckConfiguration names the check that comes before all others, which is the caller's.
const CheckConfiguration = "configuration"

// Examine runs the checks in order and hands each finding to each as it comes. It ends early only with the context, whose
// error it returns.
func Examine(ctx context.Context, cfg Config, each func(Finding)) error {
	cluster := &kafka{cfg: cfg}
	defer cluster.close()
	outcomes := make(map[string]Verdict)
	for _, c := range checks(cfg, cluster) {
		var found Finding
		broken := slices.IndexFunc(c.needs, func(need string) bool {
			verdict, own := outcomes[c.tenant+" "+need]
			if !own {
				verdict = outcomes[" "+need]
			}
			return verdict == Fail || verdict == Skipped
		})
		if broken >= 0 {
			found = skipped("not looked at, because the check " + c.needs[broken] + " did not succeed")
		} else {
			began := time.Now()
			within, cancel := context.WithTimeout(ctx, patience)
			found = c.run(within)
			cancel()
			found.Seconds = time.Since(began).Seconds()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		found.Check, found.Tenant = c.name, c.tenant
		outcomes[c.tenant+" "+c.name] = found.Verdict
		each(found)
	}
	return nil
}

// Names lists the names of all checks in order, for one tenant.
func Names() []string {
	names := []string{CheckConfiguration}
	for _, c := range checks(Config{Tenants: make([]Tenant, 1)}, &kafka{}) {
		names = append(names, c.name)
	}
	return names
}

func checks(cfg Config, cluster *kafka) []check {
	var all []check
	for _, t := range cfg.Tenants {
		for _, c := range (&graph{tenant: t}).checks() {
			c.tenant = t.Alias
			all = append(all, c)
		}
	}
	all = append(all, cluster.checks()...)
	for _, t := range cfg.Tenants {
		all = append(all, check{name: "positions", tenant: t.Alias, needs: []string{"access-topics", "topic-output", "topic-offsets"},
			run: func(ctx context.Context) Finding { return cluster.positions(ctx, t) }})
	}
	return append(all, (&registry{cfg: cfg}).checks()...)
}

func ok(seen string, values ...any) Finding {
	return Finding{Verdict: OK, Seen: fmt.Sprintf(seen, values...)}
}
func skipped(seen string) Finding      { return Finding{Verdict: Skipped, Seen: seen} }
func warn(seen, remedy string) Finding { return Finding{Verdict: Warn, Seen: seen, Remedy: remedy} }
func fail(seen, remedy string) Finding { return Finding{Verdict: Fail, Seen: seen, Remedy: remedy} }
