package graphsim

import (
	"fmt"
	"maps"
	"net/http"
	"time"
)

// Settings are what can be changed while the simulator runs. POST /_sim/settings takes them as JSON.
type Settings struct {
	// Rates of behaviors, by name. Behaviors that are part of the tenant (Behavior.Fixed) are refused.
	Rates map[string]float64 `json:"rates,omitempty"`
	// Users are settings of single users, by id. Each replaces that user's earlier ones; null ends them.
	Users map[string]*UserSettings `json:"users,omitempty"`
	// Roles in the tokens to come; nil leaves them. An empty list gives tokens without roles.
	Roles []string `json:"roles,omitzero"`
	// Payment as in Access; nil leaves it.
	Payment *string `json:"payment,omitempty"`
	// RetryAfterMillis is Faults.RetryAfter, HangMillis is Faults.HangFor; nil leaves them.
	RetryAfterMillis *int64 `json:"retryAfterMillis,omitempty"`
	HangMillis       *int64 `json:"hangMillis,omitempty"`
	// DateWrongMillis is Quirks.DateWrongBy; nil leaves it.
	DateWrongMillis *int64 `json:"dateWrongMillis,omitempty"`
	// DateSkewMillis is Config.DateSkew, which a step of Graph's clock changes; nil leaves it. The tenant's own time never goes
	// back: after a step back nothing is written until Graph's clock has caught up.
	DateSkewMillis *int64 `json:"dateSkewMillis,omitempty"`
}

// UserSettings are what is different for the messages of one user.
type UserSettings struct {
	// Rates of behaviors that apply to requests, by name. Faults keep their rates for everybody unless they are named here.
	Rates map[string]float64 `json:"rates,omitempty"`
	// HangMillis is how long the user's hanging requests take; 0 is as long as everybody's.
	HangMillis int64 `json:"hangMillis,omitempty"`
	// Answer is what every sound request for the user's messages gets instead of them; nil is the messages.
	Answer *Answer `json:"answer,omitempty"`
	// Poison are the places of the mailbox that fail for ever.
	Poison []Poison `json:"poison,omitempty"`
}

// Answer is a fixed response.
type Answer struct {
	Status int `json:"status"`
	// Code and Message are those of the error in the body.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// Headers are added, such as Retry-After.
	Headers http.Header `json:"headers,omitempty"`
	// Body replaces the whole body; nil is an error with Code and Message.
	Body *string `json:"body,omitempty"`
}

// Poison is a stretch of time, a message or a place in a window; the others are zero. Requests that touch it fail.
type Poison struct {
	// From and To bound a stretch of lastModifiedDateTime in Unix ms, From included, To excluded.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
	// ChatID and ID name a message, all versions of which are poisoned.
	ChatID string `json:"chatId,omitempty"`
	ID     string `json:"id,omitempty"`
	// Place is a place in any window, counted from 1.
	Place int `json:"place,omitempty"`
	// Status is the error; 0 leaves it to the seed: 500, 502, 503 or 504.
	Status int `json:"status,omitempty"`
}

// state is what Adjust changes. It is never changed once it is in use.
type state struct {
	cfg   Config
	users map[uint32]*override
}

// override is the state of one user.
type override struct {
	settings UserSettings
	cfg      Config // with the user's rates
	poison   []poison
}

// config returns the settings in force.
func (s *Server) config() *Config { return &s.settings.Load().cfg }

// Adjust changes settings; requests that come later follow them. Either all of them are changed or, with an error, none.
func (s *Server) Adjust(change Settings) error {
	for {
		old := s.settings.Load()
		next := &state{cfg: old.cfg, users: maps.Clone(old.users)}
		if err := next.cfg.adjust(change); err != nil {
			return err
		}
		if err := next.adjustUsers(s, change.Users); err != nil {
			return err
		}
		if s.settings.CompareAndSwap(old, next) {
			return nil
		}
	}
}

// adjust changes what concerns everybody.
func (c *Config) adjust(change Settings) error {
	if err := c.setRates(change.Rates); err != nil {
		return err
	}
	if change.Roles != nil {
		c.Access.Roles = append([]string{}, change.Roles...)
	}
	if change.Payment != nil {
		c.Access.Payment = *change.Payment
	}
	for _, d := range []struct {
		millis *int64
		into   *time.Duration
	}{
		{change.RetryAfterMillis, &c.Faults.RetryAfter}, {change.HangMillis, &c.Faults.HangFor},
		{change.DateWrongMillis, &c.Quirks.DateWrongBy}, {change.DateSkewMillis, &c.DateSkew},
	} {
		if d.millis != nil {
			*d.into = time.Duration(*d.millis) * time.Millisecond
		}
	}
	return c.Validate()
}

// setRates sets rates of behaviors that can change while the simulator runs.
func (c *Config) setRates(rates map[string]float64) error {
	for name, rate := range rates {
		if err := c.SetRate(name, rate); err != nil {
			return err
		}
	}
	for _, b := range c.behaviors() {
		if _, ok := rates[b.name]; ok && b.fixed() {
			return fmt.Errorf("graphsim: %s is part of the tenant and cannot change while the simulator runs", b.name)
		}
	}
	return nil
}

// adjustUsers changes what concerns single users, and derives everybody's overrides anew from the common configuration.
func (n *state) adjustUsers(s *Server, users map[string]*UserSettings) error {
	if n.users == nil {
		n.users = map[uint32]*override{}
	}
	for key, settings := range users {
		user, ok := s.user(key)
		switch {
		case !ok:
			return fmt.Errorf("graphsim: settings of a user: no user %q", key)
		case settings == nil:
			delete(n.users, user)
		default:
			n.users[user] = &override{settings: *settings}
		}
	}
	for user, o := range n.users {
		made, err := s.override(&n.cfg, o.settings)
		if err != nil {
			return fmt.Errorf("graphsim: settings of user %s: %w", s.model.userIDs[user], err)
		}
		n.users[user] = made
	}
	return nil
}

// override derives what holds for a user from what holds for everybody.
func (s *Server) override(common *Config, settings UserSettings) (*override, error) {
	o := &override{settings: settings, cfg: *common}
	if err := o.cfg.setRates(settings.Rates); err != nil {
		return nil, err
	}
	if settings.HangMillis != 0 {
		o.cfg.Faults.HangFor = time.Duration(settings.HangMillis) * time.Millisecond
	}
	if a := settings.Answer; a != nil && (a.Status < 200 || a.Status > 599) {
		return nil, fmt.Errorf("answer with status %d, must be 200..599", a.Status)
	}
	for _, p := range settings.Poison {
		placed, err := s.place(p)
		if err != nil {
			return nil, err
		}
		o.poison = append(o.poison, placed)
	}
	return o, o.cfg.Validate()
}
