package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The parts of a position: Kafka Connect's key, and a flat JSON object. What follows positionMarkPrefix is how far a window
// reaches back behind the mark.
const (
	positionFormat     = 1
	positionVersion    = "version"
	positionMarkPrefix = "mark."
	positionFrom       = "window.from"
	positionDone       = "window.done"
)

// nothing is a bound that no window reaches.
const nothing = math.MinInt64

// position is one committed record of a user's position.
type position struct {
	timestamp int64 // of the record, Unix milliseconds
	// marked is the latest mark that this record moved. A mark that stood there before says nothing of
	// a window that was read since: the windows of the long rungs reach back behind the marks of the
	// short ones.
	marked int64
	// markedFrom is where the window began whose end marked is; nothing if that cannot be told.
	markedFrom int64
	// done is the end of the last committed slice of the window in progress, and doneFrom where that began.
	done, doneFrom int64
}

// positions holds each user's positions in the order of the topic.
type positions struct {
	config  *Config
	byUser  map[string][]position
	marks   map[string]map[string]int64 // the newest marks of each user, by rung
	records int
}

func newPositions(config *Config) *positions {
	return &positions{
		config: config,
		byUser: make(map[string][]position),
		marks:  make(map[string]map[string]int64),
	}
}

// read takes one record of the offsets topic. Records of other connectors and tenants are passed over.
func (p *positions) read(record *kgo.Record, verdict *Verdict) {
	user, ours := p.userOf(record.Key)
	if !ours {
		return
	}
	p.records++
	if record.Value == nil {
		delete(p.marks, user) // the position was given up; a later one starts anew
		return
	}
	fields, err := parsePosition(record.Value)
	if err != nil {
		verdict.find(Undecodable, "position of user %s at %s/%d offset %d: %v",
			user, record.Topic, record.Partition, record.Offset, err)
		return
	}
	next := position{timestamp: record.Timestamp.UnixMilli(), marked: nothing, markedFrom: math.MaxInt64, done: nothing, doneFrom: nothing}
	if done, ok := fields[positionDone]; ok {
		next.done = done
	}
	if from, ok := fields[positionFrom]; ok {
		next.doneFrom = from
	}
	marks := make(map[string]int64)
	for name, mark := range fields {
		if !strings.HasPrefix(name, positionMarkPrefix) {
			continue
		}
		marks[name] = mark
		before, had := p.marks[user][name]
		if had && before == mark {
			continue
		}
		next.marked = max(next.marked, mark)
		reach, err := time.ParseDuration(strings.TrimPrefix(name, positionMarkPrefix))
		if had && err == nil {
			next.markedFrom = min(next.markedFrom, before-reach.Milliseconds())
		} else {
			next.markedFrom = nothing
		}
	}
	p.marks[user] = marks
	p.byUser[user] = append(p.byUser[user], next)
}

// userOf reads the key ["<connector>",{"user":"…","tenant":"…"}], its members in any order.
func (p *positions) userOf(key []byte) (string, bool) {
	var parts []json.RawMessage
	if json.Unmarshal(key, &parts) != nil || len(parts) != 2 {
		return "", false
	}
	var connector string
	var source struct {
		Tenant string `json:"tenant"`
		User   string `json:"user"`
	}
	if json.Unmarshal(parts[0], &connector) != nil || json.Unmarshal(parts[1], &source) != nil || source.User == "" {
		return "", false
	}
	if p.config.ConnectorName != "" && connector != p.config.ConnectorName {
		return "", false
	}
	if p.config.Tenant != "" && !strings.EqualFold(source.Tenant, p.config.Tenant) {
		return "", false
	}
	user := source.User
	if p.config.User != nil {
		user = p.config.User(user)
	}
	return strings.ToLower(user), true
}

// parsePosition returns the whole numbers of a position.
func parsePosition(value []byte) (map[string]int64, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil {
		return nil, errors.New("the value is not a JSON object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value's JSON object")
	}
	fields := make(map[string]int64, len(object))
	for name, value := range object {
		switch value := value.(type) {
		case map[string]any, []any:
			return nil, errors.New("the value is not flat")
		case json.Number:
			number, err := value.Int64()
			if err != nil && (name == positionDone || strings.HasPrefix(name, positionMarkPrefix)) {
				return nil, errors.New("a time in the value is not a whole number")
			}
			fields[name] = number
		default:
			if name == positionDone || strings.HasPrefix(name, positionMarkPrefix) {
				return nil, errors.New("a time in the value is not a number")
			}
		}
	}
	if fields[positionVersion] != positionFormat {
		return nil, errors.New("the value is not of format version 1")
	}
	return fields, nil
}

// committed returns when the window of a showing was committed, in Unix milliseconds: the timestamp of
// the user's first position since the showing that covers the version's time and the window's end. False if none ever did before the
// window was read again without the version.
//
// Where the showing was overtaken, an end up to that of the reading which lacked the version is that reading's, whoever committed it:
// a process that was thought dead got the showing, while its successor had read further before the version was visible. That reading
// is committed once, so one that was before the showing is not one of those after it.
//
// Timestamps are cut to milliseconds, so a position of the showing's own millisecond counts as later.
// Taking it as the commit can only bring the commit forward, which is the strict side.
func (p *positions) committed(user string, s showing, modified int64) (int64, bool) {
	for _, next := range p.byUser[user] {
		if s.again != nothing && next.timestamp >= s.again {
			return 0, false
		}
		if next.timestamp < s.at {
			if max(next.marked, next.done) >= s.overtaken {
				s.overtaken = nothing
			}
			continue
		}
		byMark := s.reached(next.marked) && next.markedFrom <= modified
		byDone := s.reached(next.done) && next.doneFrom <= modified
		if byMark || byDone {
			return next.timestamp, true
		}
	}
	return 0, false
}

// reached reports whether a committed end is that of the showing's window or of a later one.
func (s *showing) reached(end int64) bool {
	return end == s.to || end > max(s.to, s.overtaken)
}
