package judge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// ErrConfig is wrapped by the error of Run for a Config that lacks something.
var ErrConfig = errors.New("judge is not configured")

// ErrUsers is wrapped by the error of Run if none of the positions belongs to a user of the ledger, so
// that no window could be found committed and everything would count as superseded. Config.User is the
// usual remedy.
var ErrUsers = errors.New("positions and ledger name different users")

// defaultIdle is longer than a producer's usual transaction timeout, after which a broker ends the
// transaction of a process that died.
const defaultIdle = time.Minute

const defaultExamples = 5

// Config says what to judge.
type Config struct {
	// Brokers are the addresses to start from, host:port.
	Brokers []string
	// KafkaOptions are further options of the consumer, such as TLS and SASL. They must not set what
	// is consumed.
	KafkaOptions []kgo.Opt
	// Topic is the output topic.
	Topic string
	// DeadLetterTopic defaults to Topic with ".dlq" behind it. One that does not exist counts as empty.
	DeadLetterTopic string
	// OffsetsTopic is the topic of the positions.
	OffsetsTopic string
	// ConnectorName and Tenant choose the positions to look at; empty means all of them. The tenant is
	// compared with ce_source as well.
	ConnectorName string
	Tenant        string
	// User turns the user in a position's key into the user in the ledger; nil if they are the same.
	User func(string) string
	// RegistryURL is the root of the schema registry.
	RegistryURL string
	// RegistryOptions are further options of the registry client, such as TLS and authentication.
	RegistryOptions []sr.ClientOpt
	// Ledger is read to its end. If it is nil, LedgerURL is fetched with LedgerClient.
	Ledger    io.Reader
	LedgerURL string
	// LedgerClient defaults to http.DefaultClient.
	LedgerClient *http.Client
	// BodiesDropped says that the connector was told not to write bodies.
	BodiesDropped bool
	// WrittenAt says that the records' timestamps are the times of writing (RECORD_TIMESTAMP=ingest), so that they can be
	// compared with the positions'.
	WrittenAt bool
	// Samples is how many decoded records to show; 0 means none.
	Samples int
	// Examples is how many lines to keep for each kind of finding; 0 means 5, below 0 none.
	Examples int
	// IdleTimeout is how long a partition may stand still before its high watermark; 0 means a minute.
	IdleTimeout time.Duration
	// Progress is called now and then, always from the goroutine that called Run; nil means never.
	Progress func(Progress)
}

// Progress says how far the judgment has come.
type Progress struct {
	// Stage is "ledger" or "topics".
	Stage string
	// Done counts the ledger's lines, or the offsets of all topics; Total is 0 where it is not known.
	Done, Total int64
}

func (c *Config) complete() error {
	switch {
	case len(c.Brokers) == 0 && len(c.KafkaOptions) == 0:
		return fmt.Errorf("%w: no brokers", ErrConfig)
	case c.Topic == "":
		return fmt.Errorf("%w: no output topic", ErrConfig)
	case c.OffsetsTopic == "":
		return fmt.Errorf("%w: no offsets topic", ErrConfig)
	case c.RegistryURL == "":
		return fmt.Errorf("%w: no schema registry", ErrConfig)
	case c.Ledger == nil && c.LedgerURL == "":
		return fmt.Errorf("%w: no ledger", ErrConfig)
	}
	if c.DeadLetterTopic == "" {
		c.DeadLetterTopic = c.Topic + ".dlq"
	}
	if c.LedgerClient == nil {
		c.LedgerClient = http.DefaultClient
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = defaultIdle
	}
	if c.Examples == 0 {
		c.Examples = defaultExamples
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	return nil
}

// Run reads everything and judges it. An error (ErrConfig, ErrLedger, ErrStalled, ErrUsers, or one of
// the network) means that there is no verdict; what is wrong with the data is in the verdict.
func Run(ctx context.Context, config Config) (*Verdict, error) {
	started := time.Now()
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	verdict, err := run(ctx, &config)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	verdict.Seconds = time.Since(started).Seconds()
	return verdict, nil
}

func run(ctx context.Context, config *Config) (*Verdict, error) {
	options := append([]kgo.Opt{kgo.ClientID("judge")}, config.KafkaOptions...)
	if len(config.Brokers) > 0 {
		options = append(options, kgo.SeedBrokers(config.Brokers...))
	}
	// The watermarks come first: whatever is below them, the ledger has known for longer.
	wanted, err := listTopics(ctx, options, config)
	if err != nil {
		return nil, err
	}
	ledger, err := loadLedger(ctx, config)
	if err != nil {
		return nil, err
	}
	decoder, err := newDecoder(config.RegistryURL, config.RegistryOptions)
	if err != nil {
		return nil, err
	}

	verdict := &Verdict{examples: config.Examples}
	positions := newPositions(config)
	letters := &letters{ledger: ledger, verdict: verdict}
	records := &records{
		config:  config,
		ledger:  ledger,
		decoder: decoder,
		verdict: verdict,
		samples: &samples{want: config.Samples, byType: make(map[string][]string)},
	}
	reader, err := newReader(options, wanted, config.IdleTimeout)
	if err != nil {
		return nil, err
	}
	defer reader.close()
	take := func(record *kgo.Record) error {
		switch record.Topic {
		case config.Topic:
			return records.read(ctx, record)
		case config.DeadLetterTopic:
			letters.read(record)
		case config.OffsetsTopic:
			positions.read(record, verdict)
		}
		return nil
	}
	total := wanted.total()
	err = reader.read(ctx, take, func(left int64) {
		config.Progress(Progress{Stage: "topics", Done: total - left, Total: total})
	})
	if err != nil {
		return nil, err
	}

	if err = checkUsers(ledger, positions); err != nil {
		return nil, err
	}
	settle(config, ledger, positions, verdict)
	verdict.Samples = records.samples.lines()
	return verdict, nil
}

// listTopics takes the bounds of the three topics.
func listTopics(ctx context.Context, options []kgo.Opt, config *Config) (spans, error) {
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	defer client.Close()
	wanted := make(spans)
	for _, topic := range []string{config.Topic, config.DeadLetterTopic, config.OffsetsTopic} {
		partitions, err := listBounds(ctx, client, topic)
		if errors.Is(err, errNoTopic) && topic == config.DeadLetterTopic {
			continue
		}
		if err != nil {
			return nil, err
		}
		wanted[topic] = partitions
	}
	return wanted, nil
}

// loadLedger reads the ledger from where the configuration says.
func loadLedger(ctx context.Context, config *Config) (*ledger, error) {
	input := config.Ledger
	if input == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.LedgerURL, nil)
		if err != nil {
			return nil, fmt.Errorf("fetch ledger: %w", err)
		}
		response, err := config.LedgerClient.Do(request)
		if err != nil {
			return nil, fmt.Errorf("fetch ledger: %w", err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("fetch ledger: %s", response.Status)
		}
		input = response.Body
	}
	return readLedger(input, func(lines int) {
		config.Progress(Progress{Stage: "ledger", Done: int64(lines)})
	})
}

// checkUsers refuses to judge windows by positions that belong to nobody in the ledger.
func checkUsers(ledger *ledger, positions *positions) error {
	if len(ledger.users) == 0 || len(positions.byUser) == 0 {
		return nil
	}
	for _, user := range ledger.users {
		if len(positions.byUser[user]) > 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: none of %d users with a position is among the %d users of the ledger",
		ErrUsers, len(positions.byUser), len(ledger.users))
}
