package daemon

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/teams-kafka/connector/internal/admin"
	"github.com/teams-kafka/connector/internal/worker"
)

// Kafka is asked who owns which tenant at most this often, and for so long, whoever looks at the page.
const membersAge, membersTimeout = 5 * time.Second, 3 * time.Second

// members keeps what Kafka said of the group last.
type members struct {
	mu    sync.Mutex
	at    time.Time
	group admin.Group
}

func (m *members) of(ctx context.Context, d *Daemon) admin.Group {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.at) >= membersAge {
		var tenants []string
		for _, t := range d.tenants {
			tenants = append(tenants, t.Tenant)
		}
		m.group = admin.Group{Name: d.cfg.Name, Members: []admin.Member{}}
		within, cancel := context.WithTimeout(ctx, membersTimeout)
		owners, err := worker.Owners(within, d.kafka, d.cfg.Name, d.cfg.OffsetsTopic, tenants)
		cancel()
		if err != nil {
			m.group.Error = err.Error()
		}
		for _, o := range owners {
			m.group.Members = append(m.group.Members, admin.Member{ID: o.Member, Host: o.Host, Tenants: o.Tenants})
		}
		m.at = time.Now()
	}
	group := m.group
	group.Joined = d.group.Joined()
	self := d.group.Member()
	group.Members = slices.Clone(m.group.Members)
	for i := range group.Members {
		group.Members[i].Self = self != "" && group.Members[i].ID == self
	}
	return group
}
