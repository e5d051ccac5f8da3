package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/instruments/graphsim"
)

// simulation are the options that the demo and the simulator share.
type simulation struct {
	users, chats int
	rate         float64
	seed         uint64
}

func (s *simulation) flags(cmd *cobra.Command, users, chats int, rate float64) {
	cmd.Flags().IntVar(&s.users, "users", users, "users in the tenant, each with a mailbox of their own")
	cmd.Flags().IntVar(&s.chats, "chats", chats, "chats among them; 0 is twice as many as users")
	cmd.Flags().Float64Var(&s.rate, "rate", rate, "new messages per second; edits, reactions and deletions come on top")
	cmd.Flags().Uint64Var(&s.seed, "seed", 1, "what decides everything that looks random")
}

func (s *simulation) config() graphsim.Config {
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Seed = s.users, s.chats, s.rate, s.seed
	return cfg
}

// simulate are the options of the simulator on its own.
type simulate struct {
	simulation
	cfg graphsim.Config // what the flags but those of simulation and --set say
	set []string
}

func simulateCommand() *cobra.Command { return new(simulate).command() }

func (s *simulate) command() *cobra.Command {
	s.cfg = graphsim.Defaults()
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run the Microsoft Graph simulator on its own",
		Long:  simulateHelp(),
		Example: `  connector simulate --users 50 --rate 20 --lateness 30s --history-messages 5000
  connector simulate --address 127.0.0.1:8443 --dir . --seed 7 --set fault-429-date=0.02 --set quirk-duplicates=0.05`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	cmd.Flags().SortFlags = false
	s.flags(cmd, s.cfg.Users, 0, s.cfg.Rate)
	s.numbers(cmd)
	return cmd
}

// numbers are the flags for everything of the configuration that is no rate of a behaviour.
func (s *simulate) numbers(cmd *cobra.Command) {
	c, f := &s.cfg, cmd.Flags()
	f.IntVar(&c.MaxMembers, "max-members", c.MaxMembers, "members of the largest chat, 1 to 350")
	f.IntVar(&c.Groups, "groups", c.Groups, "directory groups: the first holds half of the users, each further one half as many")
	f.Float64Var(&c.Edits, "edits", c.Edits, "mean number of edits of a message, 0 to 10")
	f.Float64Var(&c.Reactions, "reactions", c.Reactions, "mean number of reactions added to or removed from a message, 0 to 10")
	f.Float64Var(&c.Deletions, "deletions", c.Deletions, "mean number of deletions of a message, 0 to 10")
	f.IntVar(&c.History.Messages, "history-messages", c.History.Messages, "messages that exist at the start")
	f.DurationVar(&c.History.Reach, "history", c.History.Reach, "age of the oldest of them")

	f.DurationVar(&c.Lateness.Max, "lateness", c.Lateness.Max, "longest time from a modification to its visibility in a mailbox, at most 24h; 0 is none")
	f.Float64Var(&c.Lateness.Share, "lateness-share", c.Lateness.Share, "share of the copies that are late, more than 0 and at most 1")
	f.Float64Var(&c.Lateness.Shape, "lateness-shape", c.Lateness.Shape, "the delay is lateness·u^shape with u uniform in 0..1: 1 is uniform, 8 puts most near zero with a long tail")
	f.DurationVar(&c.PurgeAfter, "purge-after", c.PurgeAfter, "how long a deleted message stays readable")

	f.IntVar(&c.Limits.PerSecond, "limit-per-second", c.Limits.PerSecond, "requests in one second before 429; 0 is no limit")
	f.Float64Var(&c.Limits.SustainedShare, "limit-sustained-share", c.Limits.SustainedShare, "share of that limit that may be used over the longer window; 0 is no limit")
	f.DurationVar(&c.Limits.SustainedOver, "limit-sustained-over", c.Limits.SustainedOver, "the longer window, whole seconds")
	f.IntVar(&c.Limits.TopTimeout, "top-timeout", c.Limits.TopTimeout, "$top from which the answer is 504; 0 is never")
	f.DurationVar(&c.Faults.RetryAfter, "retry-after", c.Faults.RetryAfter, "longest Retry-After of the faults; each is drawn from a tenth of it up to it, whole seconds rounded up")
	f.DurationVar(&c.Faults.SlowFor, "slow-for", c.Faults.SlowFor, "how long a slow body takes (fault-slow)")
	f.DurationVar(&c.Quirks.LoopFor, "loop-for", c.Quirks.LoopFor, "how long a link repeats itself (quirk-looping-link)")
	f.DurationVar(&c.Quirks.LagFor, "lag-for", c.Quirks.LagFor, "extra delay of a lagging copy (quirk-lagging-copy); 0 is the lateness, at least 2s")
	f.DurationVar(&c.DateSkew, "date-skew", c.DateSkew, "how far Graph's clock is ahead of this machine's; negative is behind")

	f.StringSliceVar(&c.Access.Roles, "roles", c.Access.Roles, "roles in the tokens; an empty list gives tokens without roles")
	f.DurationVar(&c.Access.TokenLifetime, "token-lifetime", c.Access.TokenLifetime, "lifetime of tokens; 0 is as documented: random, 60 to 90 minutes, or 24h with capability cp1")
	f.StringVar(&c.Access.FederatedSubject, "federated-subject", c.Access.FederatedSubject, "subject whose federated assertions are accepted")
	f.StringVar(&c.Access.Payment, "payment", c.Access.Payment, "the 402 of the metered years: subscription, license, tenant or evaluation; empty is none")
	f.IntVar(&c.Access.EvaluationCapacity, "evaluation-capacity", c.Access.EvaluationCapacity, "messages that are free with --payment evaluation and no model")

	f.StringVar(&c.Address, "address", c.Address, "where to listen, host:port; port 0 is a free one")
	f.StringVar(&c.Host, "host", c.Host, "name under which clients reach it, if it is not the address: it stands in links and in the certificate")
	f.StringVar(&c.Dir, "dir", c.Dir, "existing folder that gets ca.pem, and the file users if there are thousands; empty is a temporary one")
	f.IntVar(&c.CacheBytes, "cache-bytes", c.CacheBytes, "bytes of rendered messages that are kept")
	f.StringArrayVar(&s.set, "set", nil, "name=rate of a behaviour listed above; may be repeated")
}

// config puts the flags together.
func (s *simulate) config() (graphsim.Config, error) {
	cfg := s.cfg
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Seed = s.users, s.chats, s.rate, s.seed
	for _, b := range s.set {
		name, text, ok := strings.Cut(b, "=")
		rate, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			return cfg, usageError{fmt.Errorf("--set %s: want name=rate, for example --set fault-429-date=0.02", b)}
		}
		if err := cfg.SetRate(name, rate); err != nil {
			return cfg, usageError{fmt.Errorf("--set: %w", err)}
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

func (s *simulate) run(cmd *cobra.Command) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	if cfg.Dir == "" {
		made, err := os.MkdirTemp("", "connector-simulate-")
		if err != nil {
			return err
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
		fmt.Fprintf(cmd.OutOrStdout(), "export %s='%s'\n", e.name, e.value)
	}
	<-cmd.Context().Done()
	return nil
}

type variable struct{ name, value string }

// longestVariable is how long a variable of an environment may be, in bytes: Linux allows 128 KiB.
const longestVariable = 120 << 10

// simulatorEnvironment is what a connector needs to talk to a simulator. Users whose ids no variable holds are written to a file.
func simulatorEnvironment(s *graphsim.Server, dir string) ([]variable, error) {
	users := variable{"SOURCE_USERS", strings.Join(s.Users(), ",")}
	if len(users.value) > longestVariable {
		users = variable{"SOURCE_USERS_FILE", dir + "/users"}
		if err := os.WriteFile(users.value, []byte(strings.Join(s.Users(), "\n")+"\n"), 0o644); err != nil {
			return nil, err
		}
	}
	return []variable{
		{"GRAPH_ENDPOINT", s.URL()},
		{"GRAPH_CA_FILE", dir + "/ca.pem"},
		{"AZURE_AUTHORITY_HOST", s.AuthorityURL()},
		{"AZURE_TENANT_ID", s.TenantID()},
		{"AZURE_CLIENT_ID", s.ClientID()},
		{"AZURE_CLIENT_SECRET", s.ClientSecret()},
		users,
	}, nil
}

// simulateHelp describes the whole of the simulator.
func simulateHelp() string {
	var b strings.Builder
	b.WriteString(`Run a simulator of the part of Microsoft Graph that the connector reads, over HTTPS with a
certificate authority made on the spot, print the environment that "connector run" needs to talk
to it, and serve until interrupted. The same seed, flags and clock give the same tenant. Nothing is
kept on disk but ca.pem, and a list of users if there are thousands: one that is started again is a
new life of the same tenant.

Requests to Graph and to the login endpoint:
`)
	endpoints(&b, graphsim.Endpoints())
	b.WriteString("\nRequests to the simulator itself, on the same address and without a token (docs/simulator.md has the details):\n")
	endpoints(&b, graphsim.Controls())
	b.WriteString(`
A line of the ledger:
  {"chatId":"19:…","id":"1772442000123","etag":"1772442060456","seq":2,"time":1772442060456,"bodySha256":"…",
   "shown":[{"user":"…","at":"2026-03-02T10:01:03.1Z","to":1772442063000}]}
A change has "do" and, where it makes sense, "chatId", "id", "user", "content", "contentType", "system", "bad", and
"delayMillis" or "delayMillisOf": {"<user id>": 60000} for how late the copies are visible.

A client that names its process in the User-Agent, as "name/version (instance <id>)", is checked for patience: a
request more than 250 ms after its own 429 or 503 with Retry-After, and before that wait is over, counts as early.

Behaviours, each with its default rate (0 to 1), set with --set name=rate; all but those marked * can be changed while
it runs, with POST /_sim/settings:
`)
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, behaviour := range graphsim.Behaviours() {
		mark := ""
		if behaviour.Fixed {
			mark = "*"
		}
		fmt.Fprintf(t, "  %s%s\t%g\t%s\n", behaviour.Name, mark, behaviour.Default, behaviour.Summary)
	}
	_ = t.Flush() // a strings.Builder takes everything
	b.WriteString("\nWhat is no rate has a flag of its own, below.")
	return b.String()
}

func endpoints(b *strings.Builder, list []graphsim.Endpoint) {
	for _, e := range list {
		fmt.Fprintf(b, "  %s %s\n      %s\n", e.Method, e.Path, e.Summary)
	}
}
