package graphsim

import "fmt"

// Settings are what can be changed while the simulator runs. POST /_sim/settings takes them as JSON.
type Settings struct {
	// Rates of behaviours, by name. Behaviours that are part of the tenant (Behaviour.Fixed) are refused.
	Rates map[string]float64 `json:"rates,omitempty"`
	// Roles in the tokens to come; nil leaves them. An empty list gives tokens without roles.
	Roles []string `json:"roles,omitzero"`
	// Payment as in Access; nil leaves it.
	Payment *string `json:"payment,omitempty"`
}

// Adjust changes settings; requests that come later follow them. Either all of them are changed or, with an error, none.
func (s *Server) Adjust(change Settings) error {
	for {
		old := s.settings.Load()
		cfg := *old
		for name, rate := range change.Rates {
			if err := cfg.SetRate(name, rate); err != nil {
				return err
			}
		}
		for _, b := range cfg.behaviours() {
			if _, ok := change.Rates[b.name]; ok && b.fixed() {
				return fmt.Errorf("graphsim: %s is part of the tenant and cannot change while the simulator runs", b.name)
			}
		}
		if change.Roles != nil {
			cfg.Access.Roles = append([]string{}, change.Roles...)
		}
		if change.Payment != nil {
			cfg.Access.Payment = *change.Payment
		}
		if err := cfg.Validate(); err != nil {
			return err
		}
		if s.settings.CompareAndSwap(old, &cfg) {
			return nil
		}
	}
}
