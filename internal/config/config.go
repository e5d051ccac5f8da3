package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is the connector's configuration, parsed and checked.
type Config struct {
	Name string

	// Tenants are the tenants that are streamed, at least one.
	Tenants []Tenant

	Brokers            []string
	ClientID           string
	Topic              string
	OffsetsTopic       string
	Partitions         int32
	Replication        int16
	Retention          time.Duration // 0 for the broker's
	TLS                *TLS          // nil for plaintext
	SASL               SASL
	SessionTimeout     time.Duration
	TransactionTimeout time.Duration

	Registry Registry

	ExactlyOnce     bool
	IngestTimestamp bool
	CommitInterval  time.Duration
	CommitRecords   int
	IndexMaxEntries int
	RebuildTimeout  time.Duration

	AdminAddress    string // empty for none
	AdminPprof      bool
	LogLevel        slog.Level
	LogText         bool
	ShutdownTimeout time.Duration

	unreadable *fileReports
}

// DeadLetters is the name of the dead-letter topic.
func (c Config) DeadLetters() string { return c.Topic + ".dlq" }

// ErrInvalid is wrapped by every error of Load and Parse.
var ErrInvalid = errors.New("configuration is invalid")

// Parse checks settings and turns them into a Config. An empty setting takes its default.
func Parse(s Settings) (Config, error) {
	p := newParser(s)
	c := p.parse()
	if err := p.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// newParser takes the settings with the defaults of those that are empty.
func newParser(s Settings) *parser {
	s.each(func(setting Setting, value *string) {
		if *value = strings.TrimSpace(*value); *value == "" {
			*value = setting.Default
		}
	})
	return &parser{settings: s, unreadable: &fileReports{}}
}

// err names every variable that was refused; it is nil if none was.
func (p *parser) err() error {
	if len(p.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%s", ErrInvalid, strings.Join(p.wrong, "\n"))
}

// parser parses the variables that all tenants share, or those of one tenant.
type parser struct {
	settings   Settings
	alias      string          // whose variables these are; empty for the unprefixed ones
	own        map[string]bool // the variables that have the alias in front
	unreadable *fileReports
	wrong      []string
}

// name is a variable's name as the operator wrote it, or has to.
func (p *parser) name(s Setting) string {
	if s.Tenant == Own || p.own[s.Name] {
		return prefix(p.alias) + s.Name
	}
	return s.Name
}

// refuse notes what is wrong with a variable, or with the one that names a secret's file. The value itself
// is shown unless it is secret.
func (p *parser) refuse(name, value, why string) {
	for _, s := range All() {
		file := s.Secret && name == s.Name+fileSuffix
		if s.Name != name && !file {
			continue
		}
		shown, example, full := "", s.Example, p.name(s)
		if file {
			full, example = full+fileSuffix, "/etc/secrets/"+strings.ToLower(strings.ReplaceAll(s.Name, "_", "-"))
		}
		if value != "" && (file || !s.Secret) {
			shown = fmt.Sprintf(" is %q:", value)
		}
		line := fmt.Sprintf("  %s%s %s (for example %s=%s)", full, shown, why, full, example)
		if !slices.Contains(p.wrong, line) { // what tenants share is wrong once
			p.wrong = append(p.wrong, line)
		}
		return
	}
	panic("config: no variable is named " + name)
}

func (p *parser) parse() Config {
	s := p.settings
	c := Config{
		Name:               s.ConnectorName,
		Tenants:            p.tenants(),
		unreadable:         p.unreadable,
		Brokers:            p.brokers("KAFKA_BROKERS", s.KafkaBrokers),
		ClientID:           p.required("KAFKA_CLIENT_ID", s.KafkaClientID),
		Topic:              p.topic("KAFKA_TOPIC", s.KafkaTopic),
		Partitions:         int32(p.number("KAFKA_TOPIC_PARTITIONS", s.KafkaTopicPartitions)),
		Replication:        int16(p.number("KAFKA_TOPIC_REPLICATION", s.KafkaTopicReplication)),
		TLS:                p.kafkaTLS(),
		SASL:               p.sasl(),
		SessionTimeout:     p.duration("KAFKA_SESSION_TIMEOUT", s.KafkaSessionTimeout),
		TransactionTimeout: p.duration("KAFKA_TRANSACTION_TIMEOUT", s.KafkaTransactionTimeout),
		ExactlyOnce:        p.oneOf("DELIVERY", s.Delivery) == "exactly-once",
		IngestTimestamp:    p.oneOf("RECORD_TIMESTAMP", s.RecordTimestamp) == "ingest",
		CommitInterval:     p.duration("COMMIT_INTERVAL", s.CommitInterval),
		CommitRecords:      int(p.number("COMMIT_RECORDS", s.CommitRecords)),
		IndexMaxEntries:    int(p.number("INDEX_MAX_ENTRIES", s.IndexMaxEntries)),
		RebuildTimeout:     p.duration("REBUILD_TIMEOUT", s.RebuildTimeout),
		LogText:            p.oneOf("LOG_FORMAT", s.LogFormat) == "text",
		ShutdownTimeout:    p.duration("SHUTDOWN_TIMEOUT", s.ShutdownTimeout),
	}
	if !namePattern.MatchString(c.Name) {
		p.refuse("CONNECTOR_NAME", c.Name, "must be 1 to 100 letters, digits, dots, dashes or underscores")
	}
	c.OffsetsTopic = c.Name + ".offsets"
	if s.KafkaOffsetsTopic != "" {
		c.OffsetsTopic = p.topic("KAFKA_OFFSETS_TOPIC", s.KafkaOffsetsTopic)
	}
	if c.OffsetsTopic == c.Topic || c.OffsetsTopic == c.DeadLetters() {
		p.refuse("KAFKA_OFFSETS_TOPIC", c.OffsetsTopic, "must differ from KAFKA_TOPIC and its .dlq: one is compacted, the others must not be")
	}
	if s.KafkaTopicRetention != "" {
		c.Retention = p.duration("KAFKA_TOPIC_RETENTION", s.KafkaTopicRetention)
	}
	if c.TransactionTimeout <= c.CommitInterval && c.TransactionTimeout > 0 {
		p.refuse("KAFKA_TRANSACTION_TIMEOUT", s.KafkaTransactionTimeout,
			"must be longer than COMMIT_INTERVAL ("+c.CommitInterval.String()+"), or the broker aborts transactions that are merely waiting")
	}
	c.Registry = p.registry()
	c.AdminAddress = p.adminAddress(s.AdminAddress)
	c.AdminPprof = p.oneOf("ADMIN_PPROF", s.AdminPprof) == "true"
	if err := c.LogLevel.UnmarshalText([]byte(s.LogLevel)); err != nil {
		p.refuse("LOG_LEVEL", s.LogLevel, "must be debug, info, warn or error")
	}
	return c
}

func (p *parser) required(name, value string) string {
	if value == "" {
		p.refuse(name, "", "is not set")
	}
	return value
}

// split cuts a list at its commas.
func split(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// oneOf reads a choice: one of the values in the variable's range, in any case. A variable without a
// default may be empty.
func (p *parser) oneOf(name, value string) string {
	s := named(name)
	if value == "" && s.Default == "" {
		return ""
	}
	choices := strings.Split(s.Range, ", ")
	for _, choice := range choices {
		if strings.EqualFold(value, choice) {
			return choice
		}
	}
	p.refuse(name, value, "must be "+strings.Join(choices, " or "))
	return ""
}

// number reads an integer within the variable's range. It returns the least one for an invalid value.
func (p *parser) number(name, value string) int64 {
	least, most := bounds(name, func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) })
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > most {
		p.refuse(name, value, fmt.Sprintf("must be a whole number from %d to %d", least, most))
		return least
	}
	return n
}

// duration reads a duration within the variable's range. It returns 0 for an invalid value.
func (p *parser) duration(name, value string) time.Duration {
	least, most := bounds(name, ParseDuration)
	d, err := ParseDuration(value)
	if err != nil {
		p.refuse(name, value, "is not a duration: a number and ms, s, m, h or d")
		return 0
	}
	if d < least || d > most {
		p.refuse(name, value, "must be from "+named(name).Range)
		return 0
	}
	return d
}

// bounds returns the ends of a variable's range. It panics if the range is not "… to …".
func bounds[T any](name string, parse func(string) (T, error)) (least, most T) {
	from, to, _ := strings.Cut(named(name).Range, " to ")
	least, err1 := parse(from)
	most, err2 := parse(to)
	if err := errors.Join(err1, err2); err != nil {
		panic("config: range of " + name + ": " + err.Error())
	}
	return least, most
}

// ParseDuration reads what time.ParseDuration reads, and whole days, as in 21d.
func ParseDuration(value string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(value, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number of days", value)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(value)
}

var (
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	topicPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,240}$`)
)

func (p *parser) topic(name, value string) string {
	if !topicPattern.MatchString(value) || value == "." || value == ".." {
		p.refuse(name, value, "is not a topic name: 1 to 240 letters, digits, dots, dashes or underscores")
	}
	return value
}

func (p *parser) brokers(name, value string) []string {
	brokers := split(value)
	if len(brokers) == 0 {
		p.refuse(name, value, "is not set")
	}
	for _, b := range brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			p.refuse(name, value, "must be host:port, comma-separated")
			break
		}
	}
	return brokers
}

func (p *parser) url(name, value string) *url.URL {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.refuse(name, "", "is not an http or https URL") // the value may hold a password
		return nil
	}
	return u
}

// loopback reports whether a URL leads to this machine.
func loopback(u *url.URL) bool {
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		return ip.IsLoopback()
	}
	return u.Hostname() == "localhost"
}

// root reads the root of a service that is sent a secret.
func (p *parser) root(name, value string, plainOnLoopback bool) *url.URL {
	u := p.url(name, value)
	if u == nil {
		return nil
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		p.refuse(name, "", "must not contain a user, a query or a fragment")
	case u.Scheme == "http" && !(plainOnLoopback && loopback(u)):
		p.refuse(name, value, "must be https because it receives a secret")
	case strings.TrimSuffix(u.Path, "/") != "":
		p.refuse(name, value, "must be a root, without version or path")
	}
	u.Path = ""
	return u
}
