package sink

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	// ErrFenced says that another process has taken this tenant over, or that the broker gave the
	// transaction up. Nothing more may be written by this writer; whoever still owns the tenant
	// opens a new one.
	ErrFenced = errors.New("fenced by a newer writer")
	// ErrTopic says that a topic breaks a rule the guarantees rest on. It needs an operator.
	ErrTopic = errors.New("topic is unfit")
	// ErrLetterTooLarge says that an item fits neither the output topic nor the dead letters. The
	// user it came from must not move past it.
	ErrLetterTooLarge = errors.New("dead letter is larger than the dead-letter topic takes")
)

// wrap names what was being done and marks an error that means the end of this writer.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, fenced := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState} {
		if errors.Is(err, fenced) {
			return fmt.Errorf("sink: %s: %w: %w", doing, ErrFenced, err)
		}
	}
	return fmt.Errorf("sink: %s: %w", doing, err)
}
