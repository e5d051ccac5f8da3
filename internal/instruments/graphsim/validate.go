package graphsim

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Validate names everything that is wrong, joined into one error.
func (c Config) Validate() error {
	c = c.withDefaults()
	var wrong []error
	complain := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("graphsim: "+format, args...))
	}
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		complain("Address must be host:port: %w", err)
	}
	if c.Users < 1 || c.Users > 10_000_000 {
		complain("Users is %d, must be 1..10000000", c.Users)
	}
	if c.Chats < 1 || c.Chats > 50_000_000 {
		complain("Chats is %d, must be 1..50000000", c.Chats)
	}
	if c.MaxMembers < 1 || c.MaxMembers > 350 {
		complain("MaxMembers is %d, must be 1..350", c.MaxMembers)
	}
	if c.Groups < 0 || c.Groups > 100_000 {
		complain("Groups is %d, must be 0..100000", c.Groups)
	}
	if !(c.Rate >= 0 && c.Rate <= 1e6) {
		complain("Rate is %v messages per second, must be 0..1000000", c.Rate)
	}
	for _, share := range []struct {
		name  string
		value float64
	}{{"Edits", c.Edits}, {"Reactions", c.Reactions}, {"Deletions", c.Deletions}} {
		if !(share.value >= 0 && share.value <= 10) {
			complain("%s is %v per message, must be 0..10", share.name, share.value)
		}
	}
	if c.History.Messages < 0 || c.History.Messages > 1<<30 {
		complain("History.Messages is %d, must be 0..%d", c.History.Messages, 1<<30)
	}
	if c.History.Reach < 0 {
		complain("History.Reach is %s, must not be negative", c.History.Reach)
	}
	if c.Lateness.Max < 0 || c.Lateness.Max > maxLateness {
		complain("Lateness.Max is %s, must be 0..24h: Graph documents no longer delay", c.Lateness.Max)
	}
	if c.PurgeAfter < 0 {
		complain("PurgeAfter is %s, must not be negative", c.PurgeAfter)
	}
	if !(c.Lateness.Share >= 0 && c.Lateness.Share <= 1) {
		complain("Lateness.Share is %v, must be 0..1", c.Lateness.Share)
	}
	if !(c.Lateness.Shape >= 0.1 && c.Lateness.Shape <= 64) {
		complain("Lateness.Shape is %v, must be 0.1..64", c.Lateness.Shape)
	}
	if c.Limits.PerSecond < 0 || c.Limits.TopTimeout < 0 || c.Limits.SustainedOver < time.Second {
		complain("Limits: PerSecond and TopTimeout must not be negative, SustainedOver must be at least 1s")
	}
	if !(c.Limits.SustainedShare >= 0 && c.Limits.SustainedShare <= 1) {
		complain("Limits.SustainedShare is %v, must be 0..1", c.Limits.SustainedShare)
	}
	if c.Faults.RetryAfter < 0 || c.Faults.SlowFor < 0 || c.Faults.HangFor < 0 || c.Quirks.LoopFor < 0 || c.Quirks.LagFor < 0 || c.Access.TokenLifetime < 0 {
		complain("RetryAfter, SlowFor, HangFor, LoopFor, LagFor and TokenLifetime must not be negative")
	}
	if c.Mailboxes.PoisonFor < time.Millisecond || c.Mailboxes.PoisonOffset < 0 {
		complain("PoisonFor must be at least 1ms, and PoisonOffset must not be negative")
	}
	if c.Access.EvaluationCapacity < 0 || c.CacheBytes < 0 {
		complain("EvaluationCapacity and CacheBytes must not be negative")
	}
	if c.DateSkew.Abs() > 365*24*time.Hour {
		complain("DateSkew is %s, must be within a year", c.DateSkew)
	}
	switch c.Access.Payment {
	case "", "subscription", "license", "tenant", "evaluation":
	default:
		complain("Access.Payment is %q, must be empty, subscription, license, tenant or evaluation", c.Access.Payment)
	}
	for _, b := range c.behaviors() {
		if !(*b.rate >= 0 && *b.rate <= 1) {
			complain("rate of %s is %v, must be 0..1", b.name, *b.rate)
		}
	}
	if sum := c.Faults.sum(); sum > 1 {
		complain("the rates of the faults add up to %v, must be at most 1", sum)
	}
	return errors.Join(wrong...)
}
