package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, "chaos:", role+":", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flags := flag.NewFlagSet("chaos", flag.ExitOnError)
	flags.IntVar(&o.versions, "versions", 50_000, "versions to be made at least")
	flags.IntVar(&o.kills, "kills", 20, "how often a connector is killed; other trouble comes on top")
	flags.Uint64Var(&o.seed, "seed", 1, "what decides the tenant and the trouble; an odd one stamps records with the time of writing, an even one with the event's")
	flags.Float64Var(&o.rate, "rate", 450, "new messages per second; edits, reactions and deletions make 1.8 versions of each")
	flags.BoolVar(&o.poison, "poison", false, "Graph never answers for some stretches, items and pages")
	flags.BoolVar(&o.hang, "hang", false, "a fifth of the mailboxes hang until the traffic ends")
	flags.BoolVar(&o.json, "json", false, "print the report as one JSON object, and nothing else on standard output")
	flags.StringVar(&o.log, "log", "", "file for what all processes log")
	flags.StringVar(&o.evidence, "evidence", "", "folder for the ledger and the records that a negative judgment was made from")
	_ = flags.Parse(os.Args[1:]) // ends the process itself
	if o.versions < 1 || o.kills < 0 || o.rate <= 0 || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "chaos: want --versions of at least 1, --kills of at least 0, a positive --rate and no arguments")
		os.Exit(2)
	}
	os.Exit(judged(o))
}

// judged runs the chaos, prints the report and returns the exit code.
func judged(o options) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	o.progress = os.Stderr
	report, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 1
	}
	if o.json {
		_ = json.NewEncoder(os.Stdout).Encode(report) // a closed standard output is the reader's choice
	} else {
		fmt.Print(report)
	}
	if !report.ok() {
		return 1
	}
	return 0
}
