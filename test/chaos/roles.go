package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/teams-kafka/connector/internal/instruments/embedded"
	"github.com/teams-kafka/connector/internal/instruments/graphsim"
	"github.com/teams-kafka/connector/test/child"
)

// roleVariable says which of the processes this binary is to be; without it, it is the supervisor.
const roleVariable = "CHAOS_ROLE"

// graphPlan is what the simulator's process is told.
type graphPlan struct {
	Seed         uint64
	Users, Chats int
	Rate         float64
	Dir          string
	Poison, Hang bool
}

// tenant is what the simulator's process tells.
type tenant struct {
	URL, Authority, TenantID, ClientID, ClientSecret string
	Users                                            []string
}

// The ladder is to the simulator's lateness as the default rungs are to Graph's 24 hours.
const (
	lateness     = 4 * time.Second
	rungs        = "2s,4s,8s"
	longestRung  = 8 * time.Second
	pollInterval = "1s"
)

// earlyEnd is how often a page lacks its link although there are more, which no client can know. What becomes visible at the last
// moment is read no more than twice, and nobody is shown what both readings lack: at four times this rate one of a million versions.
const earlyEnd = 0.0005

func (p graphPlan) config() graphsim.Config {
	cfg := graphsim.Defaults()
	cfg.Seed, cfg.Users, cfg.Chats, cfg.Rate, cfg.Dir = p.Seed, p.Users, p.Chats, p.Rate, p.Dir
	cfg.MaxMembers = 4
	cfg.Edits, cfg.Reactions, cfg.Deletions = 0.3, 0.4, 0.08
	cfg.Lateness = graphsim.Lateness{Max: lateness, Share: 0.4, Shape: 2}
	cfg.Content = graphsim.Content{System: 0.05, Attachments: 0.02, Mentions: 0.02, NullModified: 0.01, FineTimes: 0.02, Unknown: 0.02, BadItems: 0.001}
	cfg.Faults = graphsim.EveryFault(0.003)
	// The connector asks for less after each 429, and these have nothing to do with how much it asks for.
	cfg.Faults.ThrottleInteger, cfg.Faults.ThrottleFraction, cfg.Faults.ThrottleDate, cfg.Faults.ThrottleSilent = 0.0003, 0.0003, 0.0003, 0.0003
	cfg.Faults.TokenThrottle, cfg.Faults.Revoke = 0.02, 0.0005
	cfg.Faults.RetryAfter, cfg.Faults.SlowFor = time.Second, 500*time.Millisecond
	cfg.Quirks = graphsim.Quirks{EmptyPage: 0.02, ShortPage: 0.02, Duplicates: 0.02, EarlyEnd: earlyEnd, StaleToken: 0.01, NullLink: 0.25, BareLink: 0.1,
		SkipLink: 0.1, TimeSkew: 0.02, DateJitter: 0.02, ErrorForm: 0.3, DeletedEmpty: 0.3, Gzip: 0.3}
	if p.Poison {
		// About one place a minute among all mailboxes, and one page of the long windows of every tenth user.
		cfg.Mailboxes.PoisonItem, cfg.Mailboxes.PoisonStretch, cfg.Mailboxes.PoisonPage = 5e-6, 2e-4, 0.1
		cfg.Mailboxes.PoisonFor, cfg.Mailboxes.PoisonOffset = 500*time.Millisecond, 300
	}
	if p.Hang {
		cfg.Mailboxes.Hang, cfg.Faults.HangFor = hanging, time.Minute
	}
	return cfg
}

// hanging is the share of the mailboxes that hang with --hang, until the traffic ends.
const hanging = 0.2

// play is a child process's whole life: it ends with SIGTERM, or when its supervisor is gone.
func play(role string) error {
	ended := child.Orphaned()
	switch role {
	case "graph":
		var plan graphPlan
		if err := json.Unmarshal([]byte(os.Getenv("CHAOS_PLAN")), &plan); err != nil {
			return err
		}
		sim, err := graphsim.Start(plan.config())
		if err != nil {
			return err
		}
		defer sim.Close()
		told := tenant{sim.URL(), sim.AuthorityURL(), sim.TenantID(), sim.ClientID(), sim.ClientSecret(), sim.Users()}
		if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
			return err
		}
		<-ended
		return nil
	case "kafka":
		port, err := strconv.Atoi(os.Getenv("CHAOS_PORT"))
		if err != nil {
			return err
		}
		advertised, err := strconv.Atoi(os.Getenv("CHAOS_ADVERTISED"))
		if err != nil {
			return err
		}
		kafka, err := embedded.StartKafka(embedded.KafkaOptions{Port: port, Advertised: advertised, DataDir: os.Getenv("CHAOS_DIR")})
		if err != nil {
			return err
		}
		fmt.Println("ready")
		<-ended
		kafka.Close()
		return nil
	default:
		return fmt.Errorf("there is no role %q", role)
	}
}
