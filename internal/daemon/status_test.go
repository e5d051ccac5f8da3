package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

func TestStatus_SaysHowItGoes(t *testing.T) {
	t.Parallel()
	on := open(t, func(c *graphsim.Config) { c.Access.Forbidden = 0.3 })
	on.run(t)
	sim := on.Graph
	var s admin.Status
	until(t, "everything is shown", func() bool {
		s = on.look(t)
		return len(s.Tenants) == 1 && len(s.Tenants[0].Suspended) > 0 && s.Tenants[0].Items.PerSecond > 0 && s.Tenants[0].Late.Count > 0 &&
			s.Tenants[0].Items.Outcomes["dead-letter"] > 0 &&
			len(s.Group.Members) > 0 && len(s.Group.Members[0].Tenants) > 0 // what was assigned is known a moment after the member
	})
	tenant := s.Tenants[0]
	if !s.Ready || len(s.Reasons) != 0 || s.Name != "stage" || s.Delivery != "exactly-once" || s.Topics.DeadLetters != s.Topics.Output+".dlq" {
		t.Errorf("%+v", s)
	}
	if len(s.Group.Members) != 1 || !s.Group.Joined || !s.Group.Members[0].Self || !slices.Equal(s.Group.Members[0].Tenants, []string{sim.TenantID()}) {
		t.Errorf("%+v", s.Group)
	}
	suspended := tenant.Suspended[0]
	if tenant.ID != sim.TenantID() || tenant.State != admin.StatePolling || !slices.Contains(sim.Users(), suspended.User) || suspended.Reason != "access denied" ||
		suspended.RequestID == "" || !strings.Contains(suspended.Detail, "403") || !suspended.RetryAt.After(suspended.Since) {
		t.Errorf("%s %+v", tenant.State, suspended)
	}
	if tenant.Users.Polled != 8 || tenant.Users.Suspended != len(tenant.Suspended) || tenant.Users.Reasons["access denied"] != tenant.Users.Suspended {
		t.Errorf("%+v", tenant.Users)
	}
	sum := 0
	for _, age := range tenant.Freshness.Ages {
		sum += age.Users
	}
	if sum != 8 || tenant.Freshness.Oldest == nil || tenant.Freshness.Newest == nil || tenant.Freshness.Oldest.After(*tenant.Freshness.Newest) {
		t.Errorf("%+v", tenant.Freshness)
	}
	if r := tenant.Requests; r.PerSecond <= 0 || r.Limit != r.Configured || r.Configured != 160 || r.Outcomes["ok"] == 0 || r.Outcomes["access denied"] == 0 {
		t.Errorf("%+v", r)
	}
	if tenant.Items.Outcomes["written"] == 0 || tenant.Index.Entries == 0 || tenant.Late.MeanSeconds <= 0 || len(tenant.Late.Rungs) == 0 {
		t.Errorf("%+v %+v %+v", tenant.Items, tenant.Index, tenant.Late)
	}
	if !slices.ContainsFunc(s.Recent, func(e admin.Event) bool { return e.Message == "user suspended" && e.Level == "WARN" }) {
		t.Errorf("%+v", s.Recent)
	}
}

func TestStatus_SaysWhatGraphRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change        func(*graphsim.Config)
		state, reason string
	}{
		"payment required": {func(c *graphsim.Config) { c.Access.Payment = "tenant" }, admin.StateStopped, "payment required"},
		"throttled": {func(c *graphsim.Config) { c.Faults.ThrottleInteger, c.Faults.RetryAfter = 1, 20*time.Second },
			admin.StateThrottled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := open(t, test.change)
			on.run(t)
			var s admin.Status
			until(t, "the state is shown", func() bool {
				s = on.look(t)
				return len(s.Tenants) == 1 && s.Tenants[0].State == test.state
			})
			tenant := s.Tenants[0]
			if !strings.Contains(tenant.Reason, test.reason) || (tenant.Until != nil) != (test.state == admin.StateThrottled) {
				t.Errorf("%+v", tenant)
			}
		})
	}
}

// Before the topics are there, and while another process has the tenant, there is little to say, and it is said.
func TestStatus_BeforeTheStart(t *testing.T) {
	t.Parallel()
	s := open(t, nil).daemon.Status(t.Context())
	if s.Ready || len(s.Reasons) != 1 || s.Tenants == nil || s.Group.Members == nil || s.Recent == nil {
		t.Errorf("%+v", s)
	}
}
