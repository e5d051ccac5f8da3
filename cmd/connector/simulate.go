package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/graphsim"
)

// simulation are the options that the demo and the simulator share.
type simulation struct {
	users, chats int
	rate         float64
	seed         uint64
}

func (s *simulation) flags(cmd *cobra.Command, users, chats int, rate float64) {
	cmd.Flags().IntVar(&s.users, "users", users, "users in the tenant, each with a mailbox of their own")
	cmd.Flags().IntVar(&s.chats, "chats", chats, "chats among them")
	cmd.Flags().Float64Var(&s.rate, "rate", rate, "new messages per second; edits, reactions and deletions come on top")
	cmd.Flags().Uint64Var(&s.seed, "seed", 1, "what decides everything that looks random")
}

func (s *simulation) config() graphsim.Config {
	cfg := graphsim.Defaults()
	cfg.Users, cfg.Chats, cfg.Rate, cfg.Seed = s.users, s.chats, s.rate, s.seed
	return cfg
}

func simulateCommand() *cobra.Command {
	var sim simulation
	var address, dir string
	var lateness, history time.Duration
	var messages int
	var behaviours []string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run the Microsoft Graph simulator on its own",
		Long: `Run a simulator of the part of Microsoft Graph that the connector reads, over HTTPS with a
certificate authority made on the spot, and print the environment that "connector run" needs to talk to it.

GET /_sim/ledger streams every version the simulator has shown to anybody, GET /_sim/stats counts requests by
outcome, GET /_sim/chats and /_sim/behaviours list what there is; POST /_sim/changes, /_sim/settings, /_sim/tokens and
/_sim/stop change it. docs/simulator.md describes each.

` + behaviourTable(),
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg := sim.config()
			cfg.Address = address
			cfg.Lateness.Max = lateness
			cfg.History = graphsim.History{Messages: messages, Reach: history}
			for _, b := range behaviours {
				name, text, ok := strings.Cut(b, "=")
				rate, err := strconv.ParseFloat(text, 64)
				if !ok || err != nil {
					return usageError{fmt.Errorf("--set %s: want name=rate, for example --set fault-429-date=0.02", b)}
				}
				if err := cfg.SetRate(name, rate); err != nil {
					return usageError{fmt.Errorf("--set: %w", err)}
				}
			}
			if dir == "" {
				made, err := os.MkdirTemp("", "connector-simulate-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(made)
				dir = made
			}
			cfg.Dir = dir
			if err := cfg.Validate(); err != nil {
				return usageError{err}
			}
			s, err := graphsim.Start(cfg)
			if err != nil {
				return err
			}
			defer s.Close()
			for _, e := range simulatorEnvironment(s, dir) {
				fmt.Fprintf(cmd.OutOrStdout(), "export %s='%s'\n", e.name, e.value)
			}
			<-cmd.Context().Done()
			return nil
		},
	}
	sim.flags(cmd, 20, 40, 10)
	cmd.Flags().StringVar(&address, "address", "127.0.0.1:0", "where to listen")
	cmd.Flags().StringVar(&dir, "dir", "", "existing folder that gets ca.pem (default: a temporary one)")
	cmd.Flags().DurationVar(&lateness, "lateness", 24*time.Hour, "longest time from a modification to its visibility in a mailbox")
	cmd.Flags().IntVar(&messages, "history-messages", 0, "messages that exist at the start")
	cmd.Flags().DurationVar(&history, "history", 24*time.Hour, "age of the oldest of them")
	cmd.Flags().StringArrayVar(&behaviours, "set", nil, "name=rate of a behaviour listed above; may be repeated")
	return cmd
}

type variable struct{ name, value string }

// simulatorEnvironment is what a connector needs to talk to a simulator.
func simulatorEnvironment(s *graphsim.Server, dir string) []variable {
	return []variable{
		{"GRAPH_ENDPOINT", s.URL()},
		{"GRAPH_CA_FILE", dir + "/ca.pem"},
		{"AZURE_AUTHORITY_HOST", s.AuthorityURL()},
		{"AZURE_TENANT_ID", s.TenantID()},
		{"AZURE_CLIENT_ID", s.ClientID()},
		{"AZURE_CLIENT_SECRET", s.ClientSecret()},
		{"SOURCE_USERS", strings.Join(s.Users(), ",")},
	}
}

func behaviourTable() string {
	var b strings.Builder
	b.WriteString("Behaviours, each with its default rate (0 to 1), set with --set name=rate:\n")
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, behaviour := range graphsim.Behaviours() {
		fmt.Fprintf(t, "  %s\t%g\t%s\n", behaviour.Name, behaviour.Default, behaviour.Summary)
	}
	_ = t.Flush()
	return b.String()
}
