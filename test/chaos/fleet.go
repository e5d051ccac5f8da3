package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/teams-kafka/connector/test/child"
)

// fleet is the connectors: each a place, in which one process lives after another.
type fleet struct {
	binary  string
	environ []string
	log     io.Writer
	crashed func(name string, code int)

	mu        sync.Mutex
	places    []*place
	owner     int // the place whose process polls, as far as the logs tell; -1 at first
	hit       time.Time
	hitOwner  int // the place that was hit and owned the tenant; -1 if nobody has to take over
	takeovers []time.Duration
}

type place struct {
	number int
	lives  int
	child  *child.Child
	frozen bool
}

// client is the Kafka client id of the process that lives there now.
func (p *place) client() string { return clientID(p.number, p.lives) }

func clientID(number, life int) string { return fmt.Sprintf("connector-%d-life-%d", number, life) }

func newFleet(binary string, environ []string, places int, log io.Writer) *fleet {
	f := &fleet{binary: binary, environ: environ, log: log, owner: -1, hitOwner: -1}
	for i := range places {
		f.places = append(f.places, &place{number: i})
	}
	return f
}

// launch starts a process in a place that has none.
func (f *fleet) launch(number int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.places[number]
	p.lives++
	cmd := exec.Command(f.binary, "run")
	cmd.Env = append(slices.Clone(f.environ), "KAFKA_CLIENT_ID="+p.client(), "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"))
	life := p.lives
	c, err := child.Start(p.client(), cmd, child.Stderr, f.log, func(line []byte) { f.hear(number, life, line) })
	if err != nil {
		return err
	}
	p.child = c
	go func() {
		<-c.Ended()
		if !c.Dying() {
			f.crashed(c.Name, c.State().ExitCode())
		}
	}()
	return nil
}

// hear follows a connector's log.
func (f *fleet) hear(number, life int, line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.log, "%s %s\n", clientID(number, life), line)
	var entry struct{ Msg string }
	if json.Unmarshal(line, &entry) != nil || entry.Msg != "polling" || f.places[number].lives != life {
		return
	}
	f.owner = number
	if f.hitOwner >= 0 {
		f.takeovers = append(f.takeovers, time.Since(f.hit))
		f.hitOwner = -1
	}
}

// struck notes that the owner was hit, so that the time until somebody polls is measured. What is hit again before that
// starts the clock anew.
func (f *fleet) struck(number int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number == f.owner || f.hitOwner >= 0 {
		f.hit, f.hitOwner = time.Now(), number
	}
}

// struckAgain starts the clock anew if somebody has to take over by now.
func (f *fleet) struckAgain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hitOwner >= 0 {
		f.hit = time.Now()
	}
}

// target is the owner if it is wanted and there is one that lives, else the place with the number.
func (f *fleet) target(wantOwner bool, number int) *place {
	f.mu.Lock()
	defer f.mu.Unlock()
	if wantOwner && f.owner >= 0 {
		number = f.owner
	}
	return f.places[number]
}

func (f *fleet) freeze(p *place, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.frozen = on
	if on {
		p.child.Signal(syscall.SIGSTOP)
	} else {
		p.child.Signal(syscall.SIGCONT)
	}
}

// dead reports whether a Kafka client id is of a process that lives no more.
func (f *fleet) dead(client string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.places {
		if client == p.client() {
			select {
			case <-p.child.Ended():
				return true
			default:
				return false
			}
		}
	}
	return true
}

func (f *fleet) measured() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.takeovers)
}
