package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// Config is the connector's configuration, parsed and checked.
type Config struct {
	Name string

	TenantID, ClientID string
	ClientSecret       Secret
	Authority          string

	Graph       *url.URL
	GraphRoots  *x509.CertPool // nil for the system's
	GraphFilter string
	GraphModel  string

	Users        Users
	Start        Start
	PollInterval time.Duration
	Lookbacks    []time.Duration
	Settle       time.Duration
	PageSize     int
	Rate         float64
	InFlight     int

	DropBody     bool
	ExcludeChats []string

	Brokers            []string
	Topic              string
	OffsetsTopic       string
	Partitions         int32
	Replication        int16
	Retention          time.Duration // 0 for the broker's
	TLS                *tls.Config   // nil for plaintext
	SASL               SASL
	SessionTimeout     time.Duration
	TransactionTimeout time.Duration

	RegistryURL string

	ExactlyOnce     bool
	IngestTimestamp bool
	CommitInterval  time.Duration
	CommitRecords   int
	IndexHorizon    time.Duration
	IndexMaxEntries int
	RebuildTimeout  time.Duration

	AdminAddress    string // empty for none
	LogLevel        slog.Level
	LogText         bool
	ShutdownTimeout time.Duration
}

// Users says who is polled.
type Users struct {
	Listed    []string
	Everyone  bool // all that Filter finds
	Filter    string
	File      string
	Groups    []string
	Exclude   []string
	Refresh   time.Duration
	Retention time.Duration
}

// SASL is how the connector signs in to Kafka; Mechanism is empty for not at all.
type SASL struct {
	Mechanism, Username string
	Password            Secret
}

// DeadLetters is the name of the dead-letter topic.
func (c Config) DeadLetters() string { return c.Topic + ".dlq" }

// Start is where the stream of a user without a position begins.
type Start struct {
	At   time.Time     // an instant, or
	Back time.Duration // this long before now
}

// Resolve gives the instant in milliseconds, seen from now.
func (s Start) Resolve(now time.Time) int64 {
	if !s.At.IsZero() {
		return s.At.UnixMilli()
	}
	return now.Add(-s.Back).UnixMilli()
}

// ErrInvalid is wrapped by every error of Load.
var ErrInvalid = errors.New("configuration is invalid")

// Load reads the environment. Its error names every variable that is wrong.
func Load() (Config, error) {
	var s Settings
	if err := envconfig.Process("", &s); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return Parse(s)
}

// Parse checks settings and turns them into a Config. An empty setting takes its default.
func Parse(s Settings) (Config, error) {
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		field := v.Field(i)
		trimmed := strings.TrimSpace(field.String())
		if trimmed == "" {
			trimmed = v.Type().Field(i).Tag.Get("default")
		}
		field.SetString(trimmed)
	}
	p := parser{settings: s}
	c := p.parse()
	if len(p.wrong) > 0 {
		return Config{}, fmt.Errorf("%w:\n%s", ErrInvalid, strings.Join(p.wrong, "\n"))
	}
	return c, nil
}

type parser struct {
	settings Settings
	wrong    []string
}

// refuse notes what is wrong with a variable. The value itself is shown unless it is secret.
func (p *parser) refuse(name, value, why string) {
	for _, s := range All() {
		if s.Name != name {
			continue
		}
		shown := ""
		if value != "" && !s.Secret {
			shown = fmt.Sprintf(" is %q:", value)
		}
		p.wrong = append(p.wrong, fmt.Sprintf("  %s%s %s (for example %s=%s)", name, shown, why, name, s.Example))
		return
	}
	panic("config: no variable is named " + name)
}

func (p *parser) parse() Config {
	s := p.settings
	c := Config{
		Name:           s.ConnectorName,
		TenantID:       p.required("AZURE_TENANT_ID", s.AzureTenantID),
		ClientID:       p.required("AZURE_CLIENT_ID", s.AzureClientID),
		ClientSecret:   NewSecret(p.required("AZURE_CLIENT_SECRET", s.AzureClientSecret)),
		Graph:          p.root("GRAPH_ENDPOINT", s.GraphEndpoint, true),
		GraphFilter:    p.filter("GRAPH_FILTER", s.GraphFilter),
		GraphModel:     p.oneOf("GRAPH_MODEL", s.GraphModel, "", "A", "B"),
		Users:          p.users(),
		Start:          p.start("SOURCE_START", s.SourceStart),
		PollInterval:   p.duration("SOURCE_POLL_INTERVAL", s.SourcePollInterval, 100*time.Millisecond, 30*24*time.Hour),
		PageSize:       int(p.number("SOURCE_PAGE_SIZE", s.SourcePageSize, 1, 999)),
		Rate:           float64(p.number("SOURCE_RATE", s.SourceRate, 1, 1000)),
		InFlight:       int(p.number("SOURCE_IN_FLIGHT", s.SourceInFlight, 1, 1000)),
		DropBody:       p.oneOf("TRANSFORM_BODY", s.TransformBody, "keep", "drop") == "drop",
		ExcludeChats:   p.list(s.TransformExcludeChats),
		Brokers:        p.brokers("KAFKA_BROKERS", s.KafkaBrokers),
		Topic:          p.topic("KAFKA_TOPIC", s.KafkaTopic),
		Partitions:     int32(p.number("KAFKA_TOPIC_PARTITIONS", s.KafkaTopicPartitions, 1, 10_000)),
		Replication:    int16(p.number("KAFKA_TOPIC_REPLICATION", s.KafkaTopicReplication, -1, 100)),
		TLS:            p.kafkaTLS(),
		SASL:           p.sasl(),
		SessionTimeout: p.duration("KAFKA_SESSION_TIMEOUT", s.KafkaSessionTimeout, 500*time.Millisecond, time.Hour),
		TransactionTimeout: p.duration("KAFKA_TRANSACTION_TIMEOUT", s.KafkaTransactionTimeout,
			time.Second, 15*time.Minute),
		ExactlyOnce:     p.oneOf("DELIVERY", s.Delivery, "exactly-once", "idempotent") == "exactly-once",
		IngestTimestamp: p.oneOf("RECORD_TIMESTAMP", s.RecordTimestamp, "event", "ingest") == "ingest",
		CommitInterval:  p.duration("COMMIT_INTERVAL", s.CommitInterval, 10*time.Millisecond, 5*time.Minute),
		CommitRecords:   int(p.number("COMMIT_RECORDS", s.CommitRecords, 1, 1_000_000)),
		IndexHorizon:    p.duration("INDEX_HORIZON", s.IndexHorizon, time.Second, 10*365*24*time.Hour),
		IndexMaxEntries: int(p.number("INDEX_MAX_ENTRIES", s.IndexMaxEntries, 1000, 1_000_000_000)),
		RebuildTimeout:  p.duration("REBUILD_TIMEOUT", s.RebuildTimeout, time.Second, time.Hour),
		LogText:         p.oneOf("LOG_FORMAT", s.LogFormat, "json", "text") == "text",
		ShutdownTimeout: p.duration("SHUTDOWN_TIMEOUT", s.ShutdownTimeout, 100*time.Millisecond, 10*time.Minute),
	}
	if !namePattern.MatchString(c.Name) {
		p.refuse("CONNECTOR_NAME", c.Name, "must be 1 to 100 letters, digits, dots, dashes or underscores")
	}
	if authority := p.root("AZURE_AUTHORITY_HOST", s.AzureAuthorityHost, false); authority != nil {
		c.Authority = authority.String()
	}
	c.GraphRoots = p.roots("GRAPH_CA_FILE", s.GraphCAFile)

	for _, text := range p.list(s.SourceLookbacks) {
		c.Lookbacks = append(c.Lookbacks, p.duration("SOURCE_LOOKBACKS", text, time.Second, 365*24*time.Hour))
	}
	c.Settle = p.settle(c.Lookbacks)

	c.OffsetsTopic = c.Name + ".offsets"
	if s.KafkaOffsetsTopic != "" {
		c.OffsetsTopic = p.topic("KAFKA_OFFSETS_TOPIC", s.KafkaOffsetsTopic)
	}
	if c.OffsetsTopic == c.Topic || c.OffsetsTopic == c.DeadLetters() {
		p.refuse("KAFKA_OFFSETS_TOPIC", c.OffsetsTopic, "must differ from KAFKA_TOPIC and its .dlq: one is compacted, the others must not be")
	}
	if s.KafkaTopicRetention != "" {
		c.Retention = p.duration("KAFKA_TOPIC_RETENTION", s.KafkaTopicRetention, time.Second, 100*365*24*time.Hour)
	}
	if c.TransactionTimeout <= c.CommitInterval && c.TransactionTimeout > 0 {
		p.refuse("KAFKA_TRANSACTION_TIMEOUT", s.KafkaTransactionTimeout,
			"must be longer than COMMIT_INTERVAL ("+c.CommitInterval.String()+"), or the broker gives up transactions that are merely waiting")
	}
	if s.SchemaRegistryURL != "" {
		if u := p.url("SCHEMA_REGISTRY_URL", s.SchemaRegistryURL); u != nil {
			c.RegistryURL = u.String()
		}
	}
	if s.AdminAddress != "none" {
		c.AdminAddress = s.AdminAddress
		if _, _, err := net.SplitHostPort(s.AdminAddress); err != nil {
			p.refuse("ADMIN_ADDRESS", s.AdminAddress, "must be host:port, :port, or none")
		}
	}
	if err := c.LogLevel.UnmarshalText([]byte(s.LogLevel)); err != nil {
		p.refuse("LOG_LEVEL", s.LogLevel, "must be debug, info, warn or error")
	}
	return c
}

// defaultSettle is how far a window's end stays behind both clocks.
const defaultSettle = 2 * time.Second

func (p *parser) settle(lookbacks []time.Duration) time.Duration {
	most := time.Duration(0)
	for _, l := range lookbacks {
		if half := l / 2; most == 0 || half < most {
			most = half
		}
	}
	text := p.settings.SourceSettle
	if text == "" {
		return min(defaultSettle, most)
	}
	settle := p.duration("SOURCE_SETTLE", text, 0, time.Hour)
	if settle > most && most > 0 {
		p.refuse("SOURCE_SETTLE", text, "must be at most half of the shortest rung of SOURCE_LOOKBACKS, "+most.String())
	}
	return settle
}

func (p *parser) required(name, value string) string {
	if value == "" {
		p.refuse(name, "", "is not set")
	}
	return value
}

// list cuts a comma-separated list.
func (p *parser) list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// everyone is the value of SOURCE_USERS that names nobody.
const everyone = "all"

func (p *parser) users() Users {
	s := p.settings
	u := Users{
		Listed:    p.list(s.SourceUsers),
		Filter:    s.SourceUsersFilter,
		File:      s.SourceUsersFile,
		Groups:    p.list(s.SourceGroups),
		Exclude:   p.list(s.SourceExcludeUsers),
		Refresh:   p.duration("SOURCE_USERS_REFRESH", s.SourceUsersRefresh, time.Second, 24*time.Hour),
		Retention: p.duration("SOURCE_USERS_RETENTION", s.SourceUsersRetention, 3*24*time.Hour, 10*365*24*time.Hour),
	}
	if slices.Contains(u.Listed, everyone) {
		if len(u.Listed) > 1 {
			p.refuse("SOURCE_USERS", s.SourceUsers, "must be all alone, or a list without it")
		}
		u.Listed, u.Everyone = nil, true
	}
	if u.File != "" {
		if _, err := os.ReadFile(u.File); err != nil {
			p.refuse("SOURCE_USERS_FILE", u.File, "cannot be read")
		}
	}
	for _, group := range u.Groups {
		if !guidPattern.MatchString(group) {
			p.refuse("SOURCE_GROUPS", group, "is no group id, which is a GUID")
		}
	}
	if len(u.Listed) == 0 && !u.Everyone && u.File == "" && len(u.Groups) == 0 {
		p.refuse("SOURCE_USERS", "", "is not set, and neither are SOURCE_USERS_FILE and SOURCE_GROUPS: nobody would be polled. To poll everyone say so: SOURCE_USERS=all")
	}
	return u
}

var guidPattern = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (p *parser) oneOf(name, value string, allowed ...string) string {
	for _, a := range allowed {
		if strings.EqualFold(value, a) {
			return a
		}
	}
	p.refuse(name, value, "must be "+strings.Join(nonEmpty(allowed), " or "))
	return ""
}

func nonEmpty(values []string) []string {
	var kept []string
	for _, v := range values {
		if v != "" {
			kept = append(kept, v)
		}
	}
	return kept
}

func (p *parser) number(name, value string, least, most int64) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > most {
		p.refuse(name, value, fmt.Sprintf("must be a whole number from %d to %d", least, most))
		return least
	}
	return n
}

func (p *parser) duration(name, value string, least, most time.Duration) time.Duration {
	d, err := ParseDuration(value)
	if err != nil {
		p.refuse(name, value, "is no duration: a number and ms, s, m, h or d")
		return 0
	}
	if d < least || d > most {
		p.refuse(name, value, fmt.Sprintf("must be from %v to %v", least, most))
		return 0
	}
	return d
}

// ParseDuration reads what time.ParseDuration reads, and whole days, as in 21d.
func ParseDuration(value string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(value, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no number of days", value)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(value)
}

func (p *parser) start(name, value string) Start {
	if strings.EqualFold(value, "now") {
		return Start{}
	}
	if t, err := time.Parse(time.RFC3339, value); err == nil {
		if t.Year() < 1970 || t.After(time.Now()) {
			p.refuse(name, value, "must not lie in the future or before 1970")
		}
		return Start{At: t}
	}
	back, err := ParseDuration(value)
	if err != nil || back < 0 {
		p.refuse(name, value, "is no time (RFC 3339), no duration back, and not now")
	}
	return Start{Back: back}
}

var (
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	topicPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,240}$`)
)

func (p *parser) topic(name, value string) string {
	if !topicPattern.MatchString(value) || value == "." || value == ".." {
		p.refuse(name, value, "is no topic name: 1 to 240 letters, digits, dots, dashes or underscores")
	}
	return value
}

func (p *parser) brokers(name, value string) []string {
	brokers := p.list(value)
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
		p.refuse(name, "", "is no http or https URL") // the value may hold a password
		return nil
	}
	return u
}

// root reads the root of a service that is sent a secret.
func (p *parser) root(name, value string, plainOnLoopback bool) *url.URL {
	u := p.url(name, value)
	if u == nil {
		return nil
	}
	loopback := u.Hostname() == "localhost"
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		loopback = ip.IsLoopback()
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		p.refuse(name, "", "must hold no user, query or fragment")
	case u.Scheme == "http" && !(plainOnLoopback && loopback):
		p.refuse(name, value, "must be https: it is sent a secret")
	case strings.TrimSuffix(u.Path, "/") != "":
		p.refuse(name, value, "must be a root, without version or path")
	}
	u.Path = ""
	return u
}

func (p *parser) roots(name, file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		p.refuse(name, file, "cannot be read")
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		p.refuse(name, file, "holds no PEM certificate")
	}
	return pool
}

func (p *parser) kafkaTLS() *tls.Config {
	s := p.settings
	on, err := strconv.ParseBool(s.KafkaTLS)
	if err != nil {
		p.refuse("KAFKA_TLS", s.KafkaTLS, "must be true or false")
	}
	if !on {
		for name, value := range map[string]string{"KAFKA_TLS_CA_FILE": s.KafkaTLSCAFile,
			"KAFKA_TLS_CERT_FILE": s.KafkaTLSCertFile, "KAFKA_TLS_KEY_FILE": s.KafkaTLSKeyFile} {
			if value != "" && err == nil {
				p.refuse(name, value, "is set but KAFKA_TLS is not true")
			}
		}
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.roots("KAFKA_TLS_CA_FILE", s.KafkaTLSCAFile)}
	switch {
	case s.KafkaTLSCertFile == "" && s.KafkaTLSKeyFile == "":
	case s.KafkaTLSCertFile == "":
		p.refuse("KAFKA_TLS_CERT_FILE", "", "is not set but KAFKA_TLS_KEY_FILE is")
	case s.KafkaTLSKeyFile == "":
		p.refuse("KAFKA_TLS_KEY_FILE", "", "is not set but KAFKA_TLS_CERT_FILE is")
	default:
		if _, err := tls.LoadX509KeyPair(s.KafkaTLSCertFile, s.KafkaTLSKeyFile); err != nil {
			p.refuse("KAFKA_TLS_CERT_FILE", s.KafkaTLSCertFile, "and KAFKA_TLS_KEY_FILE hold no matching certificate and key")
		}
		// Read again for every connection, so that a rotated certificate needs no restart.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(s.KafkaTLSCertFile, s.KafkaTLSKeyFile)
			return &pair, err
		}
	}
	return c
}

func (p *parser) sasl() SASL {
	s := p.settings
	c := SASL{
		Mechanism: p.oneOf("KAFKA_SASL_MECHANISM", s.KafkaSASLMechanism, "", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
		Username:  s.KafkaSASLUsername,
		Password:  NewSecret(s.KafkaSASLPassword),
	}
	if c.Mechanism != "" {
		p.required("KAFKA_SASL_USERNAME", s.KafkaSASLUsername)
		p.required("KAFKA_SASL_PASSWORD", s.KafkaSASLPassword)
	}
	return c
}

// clausePattern is one clause that the reference page of getAllMessages allows besides the window.
var clausePattern = regexp.MustCompile(`^(?:` +
	`from/user/userIdentityType eq '(?:aadUser|onPremiseAadUser|anonymousGuest|federatedUser|personalMicrosoftAccountUser|skypeUser|phoneUser)'` +
	`|from/application/applicationIdentityType eq '(?:aadApplication|bot|tenantBot|office365Connector|outgoingWebhook)'` +
	`|from/user/id eq '[^']+'` +
	`|messageType (?:eq|ne) 'systemEventMessage')$`)

func (p *parser) filter(name, value string) string {
	if value == "" {
		return ""
	}
	for clause := range strings.SplitSeq(value, " or ") {
		if !clausePattern.MatchString(strings.TrimSpace(clause)) {
			p.refuse(name, value, fmt.Sprintf("has the clause %q, which is none that getAllMessages allows; clauses are joined by or alone, and the window is added by the connector", strings.TrimSpace(clause)))
		}
	}
	return value
}
