package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// Simulator holds the options of the simulator on its own. AddFlags sets the defaults.
type Simulator struct {
	tenant
	cfg graphsim.Config // the flags other than those of tenant and --set
	set []string
}

// AddFlags adds a flag for each option, in the order in which help shows them.
func (s *Simulator) AddFlags(flags *pflag.FlagSet) {
	s.cfg = graphsim.Defaults()
	flags.SortFlags = false
	s.tenant.addFlags(flags, s.cfg.Users, 0, s.cfg.Rate)
	s.addTrafficFlags(flags)
	s.addTroubleFlags(flags)
	s.addAccessFlags(flags)
	c := &s.cfg
	flags.StringVar(&c.Address, "address", c.Address, "address to listen on, host:port; port 0: any free port")
	flags.StringVar(&c.Host, "host", c.Host, "name under which clients reach the simulator, if it is not the address; used in links and in the certificate")
	flags.StringVar(&c.Dir, "dir", c.Dir, "existing folder for ca.pem, and for the file users if there are thousands; empty: a temporary folder")
	flags.IntVar(&c.CacheBytes, "cache-bytes", c.CacheBytes, "memory for rendered messages, in bytes")
	flags.StringArrayVar(&s.set, "set", nil, "rate of a behavior listed above, as name=rate; repeatable")
}

func (s *Simulator) addTrafficFlags(flags *pflag.FlagSet) {
	c := &s.cfg
	flags.IntVar(&c.MaxMembers, "max-members", c.MaxMembers, "members of the largest chat, 1 to 350")
	flags.IntVar(&c.Groups, "groups", c.Groups, "directory groups: the first holds half of the users, each further one half as many")
	flags.Float64Var(&c.Edits, "edits", c.Edits, "mean number of edits per message, 0 to 10")
	flags.Float64Var(&c.Reactions, "reactions", c.Reactions, "mean number of reactions added to or removed from a message, 0 to 10")
	flags.Float64Var(&c.Deletions, "deletions", c.Deletions, "mean number of deletions per message, 0 to 10")
	flags.IntVar(&c.History.Messages, "history-messages", c.History.Messages, "messages that exist at the start")
	flags.DurationVar(&c.History.Reach, "history", c.History.Reach, "age of the oldest of them")

	flags.DurationVar(&c.Lateness.Max, "lateness", c.Lateness.Max, "longest time from a modification to its visibility in a mailbox, at most 24h; 0: visible at once")
	flags.Float64Var(&c.Lateness.Share, "lateness-share", c.Lateness.Share, "share of the copies that are late, greater than 0, at most 1")
	flags.Float64Var(&c.Lateness.Shape, "lateness-shape", c.Lateness.Shape, "the delay is lateness·u^shape with u uniform in 0..1: 1 is uniform, 8 puts most near zero with a long tail")
	flags.DurationVar(&c.PurgeAfter, "purge-after", c.PurgeAfter, "how long a deleted message stays readable")
}

func (s *Simulator) addTroubleFlags(flags *pflag.FlagSet) {
	c := &s.cfg
	flags.IntVar(&c.Limits.PerSecond, "limit-per-second", c.Limits.PerSecond, "requests in one second before 429; 0: no limit")
	flags.Float64Var(&c.Limits.SustainedShare, "limit-sustained-share", c.Limits.SustainedShare, "share of that limit allowed over the longer window; 0: no limit")
	flags.DurationVar(&c.Limits.SustainedOver, "limit-sustained-over", c.Limits.SustainedOver, "the longer window, whole seconds")
	flags.IntVar(&c.Limits.TopTimeout, "top-timeout", c.Limits.TopTimeout, "smallest $top that is answered with 504; 0: never")
	flags.DurationVar(&c.Faults.RetryAfter, "retry-after", c.Faults.RetryAfter, "longest Retry-After of the faults; each is drawn from a tenth of it up to it, rounded up to whole seconds")
	flags.DurationVar(&c.Faults.SlowFor, "slow-for", c.Faults.SlowFor, "how long a slow body takes (fault-slow)")
	flags.DurationVar(&c.Faults.HangFor, "hang-for", c.Faults.HangFor, "how long a hanging request takes to be answered (fault-hang, mailbox-hang)")
	flags.DurationVar(&c.Mailboxes.PoisonFor, "poison-for", c.Mailboxes.PoisonFor, "length of the stretches into which time is divided (mailbox-poison-stretch)")
	flags.IntVar(&c.Mailboxes.PoisonOffset, "poison-offset", c.Mailboxes.PoisonOffset, "place in a window, counted from 0, that fails (mailbox-poison-page)")
	flags.DurationVar(&c.Quirks.LoopFor, "loop-for", c.Quirks.LoopFor, "how long a link repeats itself (quirk-looping-link)")
	flags.DurationVar(&c.Quirks.LagFor, "lag-for", c.Quirks.LagFor, "extra delay of a lagging copy (quirk-lagging-copy); 0: the lateness, at least 2s")
	flags.DurationVar(&c.Quirks.DateWrongBy, "date-wrong-by", c.Quirks.DateWrongBy, "how far a wrong Date header is ahead; negative: behind (quirk-date-wrong, quirk-date-wrong-errors)")
	flags.DurationVar(&c.DateSkew, "date-skew", c.DateSkew, "how far Graph's clock is ahead of this machine's; negative: behind")
}

func (s *Simulator) addAccessFlags(flags *pflag.FlagSet) {
	a := &s.cfg.Access
	flags.StringSliceVar(&a.Roles, "roles", a.Roles, "roles in the tokens; an empty list: tokens without roles")
	flags.DurationVar(&a.TokenLifetime, "token-lifetime", a.TokenLifetime, "lifetime of tokens; 0: as documented (random, 60 to 90 minutes, or 24h with capability cp1)")
	flags.StringVar(&a.FederatedSubject, "federated-subject", a.FederatedSubject, "subject whose federated assertions are accepted")
	flags.StringVar(&a.Payment, "payment", a.Payment, "the 402 of the metered years: subscription, license, tenant or evaluation; empty: none")
	flags.IntVar(&a.EvaluationCapacity, "evaluation-capacity", a.EvaluationCapacity, "messages that are free with --payment evaluation and no model")
}

// config combines the flags. Every error is an [ErrOption].
func (s *Simulator) config() (graphsim.Config, error) {
	cfg := s.cfg
	s.apply(&cfg)
	for _, b := range s.set {
		name, text, ok := strings.Cut(b, "=")
		rate, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			return cfg, fmt.Errorf("%w: --set %s: want name=rate, for example --set fault-429-date=0.02", ErrOption, b)
		}
		if err := cfg.SetRate(name, rate); err != nil {
			return cfg, fmt.Errorf("%w: --set: %w", ErrOption, err)
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("%w: %w", ErrOption, err)
	}
	return cfg, nil
}

// Run starts the simulator, prints the environment that a connector needs to reach it, as shell
// exports, and serves until the context ends. It returns [ErrOption] for invalid options.
func (s *Simulator) Run(ctx context.Context, out io.Writer) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	if cfg.Dir == "" {
		made, err := os.MkdirTemp("", "connector-simulate-")
		if err != nil {
			return fmt.Errorf("create a temporary folder: %w", err)
		}
		defer os.RemoveAll(made)
		cfg.Dir = made
	}
	sim, err := graphsim.Start(cfg)
	if err != nil {
		return err
	}
	defer sim.Close()
	environment, err := simulatorEnvironment(sim, cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range environment {
		fmt.Fprintf(out, "export %s='%s'\n", e.name, e.value)
	}
	<-ctx.Done()
	return nil
}

type variable struct{ name, value string }

// longestVariable is the limit for the value of one environment variable, in bytes. Linux allows
// 128 KiB for name and value.
const longestVariable = 120 << 10

// simulatorEnvironment returns the variables that a connector needs to reach the simulator. A list
// of users that is too long for a variable goes to a file.
func simulatorEnvironment(s *graphsim.Server, dir string) ([]variable, error) {
	users := variable{"SOURCE_USERS", strings.Join(s.Users(), ",")}
	if len(users.value) > longestVariable {
		users = variable{"SOURCE_USERS_FILE", filepath.Join(dir, "users")}
		if err := os.WriteFile(users.value, []byte(strings.Join(s.Users(), "\n")+"\n"), 0o644); err != nil {
			return nil, fmt.Errorf("write the list of users: %w", err)
		}
	}
	return []variable{
		{"GRAPH_ENDPOINT", s.URL()},
		{"GRAPH_CA_FILE", filepath.Join(dir, "ca.pem")},
		{"AZURE_AUTHORITY_HOST", s.AuthorityURL()},
		{"AZURE_TENANT_ID", s.TenantID()},
		{"AZURE_CLIENT_ID", s.ClientID()},
		{"AZURE_CLIENT_SECRET", s.ClientSecret()},
		users,
	}, nil
}
