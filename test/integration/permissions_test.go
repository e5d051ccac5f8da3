//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/test/process"
)

// permission is one ACL of the table in docs/security.md, under the stage's names.
type permission struct {
	resource, name string
	operation      kadm.ACLOperation
	spelled        string
}

func (p permission) String() string { return p.spelled + " on " + p.resource + " " + p.name }

// acl is the ACL for the stage's principal.
func (p permission) acl() *kadm.ACLBuilder {
	b := kadm.NewACLs().Allow("User:narrow").AllowHosts("*").Operations(p.operation).ResourcePatternType(kadm.ACLPatternLiteral)
	switch p.resource {
	case "topic":
		b.Topics(p.name)
	case "group":
		b.Groups(p.name)
	case "transactional id, prefixed":
		b.TransactionalIDs(p.name).ResourcePatternType(kadm.ACLPatternPrefixed)
	}
	return b
}

var permissionRow = regexp.MustCompile("(?m)^\\| (topic|group|transactional id, prefixed) \\| `([^`]+)` \\| ([A-Za-z, ]+) \\|")

// documented are the permissions that docs/security.md says are enough, for a connector of this name and topic.
func documented(t *testing.T, name, topic string) []permission {
	t.Helper()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	operations := map[string]kadm.ACLOperation{"Read": kadm.OpRead, "Write": kadm.OpWrite, "DescribeConfigs": kadm.OpDescribeConfigs}
	own := strings.NewReplacer("teams.chat.messages", topic, "teams.offsets", name+".offsets", "teams-kafka-connector", "teams-kafka-connector", "teams", name)
	var all []permission
	for _, row := range permissionRow.FindAllStringSubmatch(string(page), -1) {
		for operation := range strings.SplitSeq(row[3], ", ") {
			if operations[operation] == 0 {
				t.Fatalf("docs/security.md grants %q on %s", operation, row[2])
			}
			all = append(all, permission{row[1], own.Replace(row[2]), operations[operation], operation})
		}
	}
	if len(all) < 5 {
		t.Fatalf("docs/security.md has only %d permissions", len(all))
	}
	return all
}

// grant gives permissions, revoke takes them; both return when the broker has heard of it.
func (s *secured) grant(t *testing.T, ctx context.Context, all ...permission) {
	t.Helper()
	for _, p := range all {
		created, err := s.Admin().CreateACLs(ctx, p.acl())
		if err == nil {
			err = created[0].Err
		}
		if err != nil {
			t.Fatalf("grant %v: %v", p, err)
		}
		s.awaitACLs(t, ctx, p, 1)
	}
}

func (s *secured) revoke(t *testing.T, ctx context.Context, all ...permission) {
	t.Helper()
	for _, p := range all {
		deleted, err := s.Admin().DeleteACLs(ctx, p.acl())
		if err == nil {
			err = deleted[0].Err
		}
		if err != nil {
			t.Fatalf("revoke %v: %v", p, err)
		}
		s.awaitACLs(t, ctx, p, 0)
	}
}

func (s *secured) awaitACLs(t *testing.T, ctx context.Context, p permission, want int) {
	t.Helper()
	eventually(t, ctx, "the broker to know of "+p.String(), func() error {
		described, err := s.Admin().DescribeACLs(ctx, p.acl())
		if err == nil {
			err = described[0].Err
		}
		if err == nil && len(described[0].Described) != want {
			err = fmt.Errorf("%d ACLs, want %d", len(described[0].Described), want)
		}
		return err
	})
}

// permissions shows that the permissions of the table are enough, and that each of them is needed: without it the start or
// the run fails, with an error that names what is denied, and the doctor names the permission.
func permissions(t *testing.T, secured *secured) {
	ctx := within(t, 5*time.Minute)
	s := newStage(t, secured.Cluster, "narrow", nil)
	secured.by("PLAIN", "SASL")(&s.settings)
	s.settings.KafkaSASLUsername = "narrow"
	s.settings.KafkaTransactionTimeout = "3s" // a start that fails can leave a transaction open, which the next one waits for
	topic, letters := s.settings.KafkaTopic, s.settings.KafkaTopic+".dlq"
	table := documented(t, s.settings.ConnectorName, topic)
	secured.grant(t, ctx, table...)

	// To create the topics; they are created in this order, so each start gets as far as the one that is denied.
	for _, name := range []string{topic, letters, s.offsetsTopic()} {
		t.Run("Create on topic "+name, func(t *testing.T) {
			s.mustEnd(t, ctx, "create topic "+name+": TOPIC_AUTHORIZATION_FAILED")
			s.mustBeNamed(t, ctx, name+" does not exist, and the account may not create it")
		})
		create := permission{"topic", name, kadm.OpCreate, "Create"}
		secured.grant(t, ctx, create)
		defer secured.revoke(t, context.WithoutCancel(ctx), create)
	}

	t.Run("enough", func(t *testing.T) {
		s.doctor(t, ctx)
		p := s.start(t)
		p.WaitFor(t, ctx, 0, "msg=polling")
		s.badItem(t)
		s.commits(t, ctx, 20)
		s.doctor(t, ctx)
		mustBeRight(t, s.settle(t, ctx, p), 300)
		list := exec.CommandContext(ctx, binary, "offsets", "list")
		list.Env = s.connectorEnvironment()
		if out, err := list.CombinedOutput(); err != nil || strings.Count(string(out), "\n") < len(s.sim.Users()) {
			t.Errorf("offsets list: %v\n%s", err, out)
		}
	})

	for _, missing := range table {
		t.Run("without "+missing.String(), func(t *testing.T) {
			secured.revoke(t, ctx, missing)
			defer secured.grant(t, context.WithoutCancel(ctx), missing)
			switch {
			case missing.operation == kadm.OpDescribeConfigs:
				s.mustEnd(t, ctx, "describe topic "+missing.name+": TOPIC_AUTHORIZATION_FAILED")
				s.mustBeNamed(t, ctx, "the account lacks DescribeConfigs on topic "+missing.name)
			case missing.resource == "group":
				s.mustComplain(t, ctx, "join the group "+missing.name+": GROUP_AUTHORIZATION_FAILED")
				s.mustBeNamed(t, ctx, "the account may not join the consumer group "+missing.name)
			case missing.resource == "topic" && missing.operation == kadm.OpRead:
				s.mustComplain(t, ctx, "read "+missing.name+" partition ", "TOPIC_AUTHORIZATION_FAILED")
				s.mustBeNamed(t, ctx, "the account lacks Read on topic "+missing.name)
			case missing.resource == "topic" && missing.operation == kadm.OpWrite:
				s.mustComplain(t, ctx, "produce to "+missing.name+": TOPIC_AUTHORIZATION_FAILED")
				s.mustBeNamed(t, ctx, "the account lacks Write on topic "+missing.name)
			default:
				s.mustComplain(t, ctx, "transactional ID "+s.transactionalID(), "TRANSACTIONAL_ID_AUTHORIZATION_FAILED")
				s.mustBeNamed(t, ctx, "the account may not write with the transactional id "+s.transactionalID())
				idempotent := *s
				idempotent.settings.Delivery = "idempotent"
				p := idempotent.start(t)
				p.WaitFor(t, ctx, 0, "msg=polling")
				s.commits(t, ctx, 10)
				end(t, ctx, p)
			}
		})
	}

	t.Run("enough again", func(t *testing.T) {
		p := s.start(t)
		p.WaitFor(t, ctx, 0, "msg=polling")
		mustBeRight(t, s.settle(t, ctx, p), 300)
	})
}

// badItem makes an item that goes to the dead letters, once it is polled.
func (s *stage) badItem(t *testing.T) {
	t.Helper()
	delay := int64(0)
	if _, err := s.sim.Apply(graphsim.Change{Do: "create", User: s.sim.Users()[0], Bad: "bad-createdDateTime", DelayMillis: &delay}); err != nil {
		t.Fatal(err)
	}
}

// mustEnd starts the connector and sees it end at once, with the exit code for what somebody must change.
func (s *stage) mustEnd(t *testing.T, ctx context.Context, says string) {
	t.Helper()
	p := s.start(t)
	if code := p.Wait(t, ctx); code != 2 || !strings.Contains(p.Tail(1), says) {
		t.Errorf("exit code %d, want 2, and %q:\n%s", code, says, p.Tail(20))
	}
}

// mustComplain starts the connector, gives it a message and an item for the dead letters, and waits for a line of its log
// that says all this.
func (s *stage) mustComplain(t *testing.T, ctx context.Context, says ...string) {
	t.Helper()
	p := s.start(t)
	s.say(t, 10)
	s.badItem(t)
	for line, next := "", 0; slices.ContainsFunc(says, func(part string) bool { return !strings.Contains(line, part) }); {
		line, next = p.WaitFor(t, ctx, next, says[0])
	}
	end(t, ctx, p)
}

// end ends a connector in order. One that has trouble may say so in its exit code.
func end(t *testing.T, ctx context.Context, p *process.Process) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	p.Wait(t, ctx)
}

// mustBeNamed runs the doctor, which must fail and say this.
func (s *stage) mustBeNamed(t *testing.T, ctx context.Context, says string) {
	t.Helper()
	findings, err := s.examine(t, ctx)
	if err == nil || !slices.ContainsFunc(findings, func(f finding) bool {
		return f.Verdict == "fail" && strings.Contains(f.Seen, says) && strings.Contains(f.Remedy, "kafka-acls.sh")
	}) {
		t.Errorf("doctor: %v, want %q\n%+v", err, says, findings)
	}
}
