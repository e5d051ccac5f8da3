package demo

import (
	"github.com/spf13/pflag"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// tenant holds the options of the simulated tenant that the demo and the simulator share.
type tenant struct {
	users, chats int
	rate         float64
	seed         uint64
}

func (s *tenant) addFlags(flags *pflag.FlagSet, users, chats int, rate float64) {
	flags.IntVar(&s.users, "users", users, "users in the tenant, each with a mailbox")
	flags.IntVar(&s.chats, "chats", chats, "chats among them; 0: twice the number of users")
	flags.Float64Var(&s.rate, "rate", rate, "new messages per second; edits, reactions and deletions come on top")
	flags.Uint64Var(&s.seed, "seed", 1, "seed of everything that looks random")
}

// apply sets the options in a simulator's configuration.
func (s *tenant) apply(cfg *graphsim.Config) {
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Seed = s.users, s.chats, s.rate, s.seed
}
