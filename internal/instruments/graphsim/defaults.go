package graphsim

import (
	"cmp"
	"time"
)

const maxLateness = 24 * time.Hour

// documentedPurge is how long a deleted message stays readable. Source: the Teams export documentation.
const documentedPurge = 21 * 24 * time.Hour

// Defaults returns the documented behavior of Graph and a small tenant with 10 new messages per second. What follows
// from other fields, such as Chats from Users, is still zero and is filled in by Start.
func Defaults() Config {
	return Config{
		Seed:      1,
		Rate:      10,
		Edits:     0.15,
		Reactions: 0.25,
		Deletions: 0.05,
		Lateness:  Lateness{Max: maxLateness, Share: 0.3},
		Content: Content{
			System: 0.05, HTML: 0.6, Attachments: 0.1, Mentions: 0.08, Violations: 0.01, Strangers: 0.12,
			Unknown: 0.05, FineTimes: 0.02, NullModified: 0.01, Absent: 0.05, Escapes: 0.05, Large: 0.002,
		},
		Limits:    Limits{PerSecond: 200, SustainedShare: 0.83, TopTimeout: 1000},
		Quirks:    Quirks{EmptyPage: 0.01, ShortPage: 0.02, NullLink: 0.25},
		Access:    Access{EvaluationCapacity: 500},
		Directory: Directory{Disabled: 0.05, Guests: 0.05, NoPlan: 0.05},
	}.withNumbers()
}

// withNumbers fills in the defaults that do not depend on other fields.
func (c Config) withNumbers() Config {
	c.Address = cmp.Or(c.Address, "127.0.0.1:0")
	c.Users = cmp.Or(c.Users, 20)
	c.MaxMembers = cmp.Or(c.MaxMembers, 6)
	c.Groups = cmp.Or(c.Groups, 4)
	c.History.Reach = cmp.Or(c.History.Reach, 24*time.Hour)
	c.Lateness.Shape = cmp.Or(c.Lateness.Shape, 8)
	c.PurgeAfter = cmp.Or(c.PurgeAfter, documentedPurge)
	c.Limits.SustainedOver = cmp.Or(c.Limits.SustainedOver, time.Minute)
	c.Faults.RetryAfter = cmp.Or(c.Faults.RetryAfter, 10*time.Second)
	c.Faults.SlowFor = cmp.Or(c.Faults.SlowFor, 2*time.Second)
	c.Faults.HangFor = cmp.Or(c.Faults.HangFor, 2*time.Minute)
	c.Mailboxes.PoisonFor = cmp.Or(c.Mailboxes.PoisonFor, time.Minute)
	c.Mailboxes.PoisonOffset = cmp.Or(c.Mailboxes.PoisonOffset, 100)
	c.Quirks.DateWrongBy = cmp.Or(c.Quirks.DateWrongBy, 2*time.Hour)
	c.Quirks.LoopFor = cmp.Or(c.Quirks.LoopFor, 30*time.Second)
	c.Access.FederatedSubject = cmp.Or(c.Access.FederatedSubject, "system:serviceaccount:teams:connector")
	if c.Access.Roles == nil {
		c.Access.Roles = []string{"Chat.Read.All", "User.Read.All", "GroupMember.Read.All"}
	}
	c.CacheBytes = cmp.Or(c.CacheBytes, 64<<20)
	return c
}

// withDefaults fills in every field that has a default.
func (c Config) withDefaults() Config {
	c = c.withNumbers()
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Chats = cmp.Or(c.Chats, 2*c.Users)
	c.Lateness.Share = cmp.Or(c.Lateness.Share, 1)
	c.Quirks.LagFor = cmp.Or(c.Quirks.LagFor, max(c.Lateness.Max, 2*time.Second))
	return c
}
