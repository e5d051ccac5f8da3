package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// options are the command's.
type options struct {
	messages, users, pageSize int
	live                      time.Duration
	rate                      float64
	interval                  time.Duration
	json, gzip                bool
	faults, short             bool
	log, profile              string
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", role+":", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.IntVar(&o.messages, "messages", 100_000, "messages in the tenant")
	flags.IntVar(&o.users, "users", 200, "users among whom they lie")
	flags.IntVar(&o.pageSize, "page-size", 50, "messages a page ($top)")
	flags.BoolVar(&o.gzip, "gzip", false, "Graph compresses what it sends, as the real one does; the simulator takes more of the machine then")
	flags.DurationVar(&o.live, "live", 0, "measure instead, for so long, how long a message takes from visible to committed")
	flags.Float64Var(&o.rate, "rate", 100, "with --live: new messages per second")
	flags.DurationVar(&o.interval, "interval", time.Minute, "with --live: from one poll of a user to the next")
	flags.BoolVar(&o.faults, "faults", false, "measure instead what faults of Graph cost, and fail if it is more than three times their share of the requests")
	flags.BoolVar(&o.short, "short", false, "with --faults: one rate of faults and less work")
	flags.BoolVar(&o.json, "json", false, "print the report as one JSON object, and nothing else on standard output")
	flags.StringVar(&o.log, "log", "", "file for what all processes log")
	flags.StringVar(&o.profile, "profile", "", "folder for CPU profiles of the connector, one a scenario; they cost time")
	_ = flags.Parse(os.Args[1:]) // ends the process itself
	if o.messages < 1000 || o.users < 10 || o.pageSize < 1 || o.pageSize > 999 || o.rate <= 0 || o.interval < time.Second || o.live < 0 || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench: want --messages of at least 1000, --users of at least 10, --page-size of 1 to 999, a positive --rate,"+
			" --interval of at least 1s and no arguments")
		os.Exit(2)
	}
	os.Exit(measure(o))
}

// measure runs what the options ask for, prints the report and returns the exit code.
func measure(o options) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if o.faults {
		withVirtualTime(func(t *testing.T) error {
			r, err := measureFaults(ctx, t, o.short)
			return report(r, o.json, err)
		})
	}
	var r fmt.Stringer
	var err error
	if o.live > 0 {
		r, err = measureLive(ctx, o)
	} else {
		r, err = measureCost(ctx, o)
	}
	if err := report(r, o.json, err); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// report prints a report, also one that is found wanting, and returns the error.
func report(r fmt.Stringer, asJSON bool, err error) error {
	var grows *growthError
	if err == nil || errors.As(err, &grows) || errors.Is(err, errMissed) {
		if asJSON {
			_ = json.NewEncoder(os.Stdout).Encode(r) // a closed standard output is the reader's choice
		} else {
			fmt.Print(r)
		}
	}
	return err
}
