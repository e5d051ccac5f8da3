package offsetsadmin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/teams-kafka/connector/internal/worker"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/sink"
)

// Operator is the person who changes positions, or the script.
type Operator interface {
	// Show is given the plan before anything is written.
	Show(Plan) error
	// Note is given a sentence on what was done.
	Note(text string)
	// Confirm reports whether the operator agrees to a number of changes.
	Confirm(ctx context.Context, changes int) (bool, error)
}

// Options are what the operator allows.
type Options struct {
	DryRun    bool // show the plan only: fence and write nothing
	AllowLoss bool // also make changes that can lose messages
}

// Apply plans a change of positions and carries it out. It returns [ErrRefused] if it must not be
// made as things are, and nil if the operator did not agree.
func Apply(ctx context.Context, cfg Config, plan Planner, options Options, operator Operator) error {
	if err := refuseMembers(ctx, cfg, options, operator); err != nil {
		return err
	}
	var writer *sink.Writer
	if !options.DryRun {
		var err error
		if writer, err = fence(ctx, cfg, operator); err != nil {
			return err
		}
		defer writer.Close()
	}
	// Read only after fencing: whatever a fenced process wrote is committed or aborted by now.
	stored, err := Load(ctx, cfg)
	if err != nil {
		return err
	}
	now := time.Now()
	planned, err := plan(cfg, stored, now)
	if err != nil {
		return err
	}
	agreed, err := agree(ctx, planned, options, operator)
	if err != nil || !agreed {
		return err
	}
	// Check again, because the answer may have taken long. A process that joins later cannot be
	// harmed: it fences this writer, whose commit then fails (invariant 4).
	if err := refuseMembers(ctx, cfg, options, operator); err != nil {
		return err
	}
	if err := write(ctx, cfg, writer, stored, planned, now); err != nil {
		return err
	}
	operator.Note(fmt.Sprintf("Positions changed: %d.", len(planned.Changes)))
	return nil
}

// agree shows the plan and reports whether to carry it out.
func agree(ctx context.Context, planned Plan, options Options, operator Operator) (bool, error) {
	if err := operator.Show(planned); err != nil {
		return false, err
	}
	if len(planned.Changes) == 0 {
		return false, nil
	}
	if err := refuseLoss(planned, options, operator); err != nil {
		return false, err
	}
	if options.DryRun {
		operator.Note("Nothing was written (dry run).")
		return false, nil
	}
	agreed, err := operator.Confirm(ctx, len(planned.Changes))
	if err == nil && !agreed {
		operator.Note("Nothing was written.")
	}
	return agreed, err
}

// refuseMembers refuses a change while a process is in the group. A dry run only says so.
func refuseMembers(ctx context.Context, cfg Config, options Options, operator Operator) error {
	members, err := worker.Members(ctx, cfg.Kafka, cfg.Name)
	if err != nil || len(members) == 0 {
		return err
	}
	text := fmt.Sprintf("the consumer group %s has %d members: %s", cfg.Name, len(members), strings.Join(members, ", "))
	if options.DryRun {
		operator.Note(text + ". The change itself would be refused until they have stopped.")
		return nil
	}
	return fmt.Errorf("%w: %s; stop them first, for example with kubectl scale --replicas=0 (a process that died or is paused leaves the group after KAFKA_SESSION_TIMEOUT, %v)",
		ErrRefused, text, cfg.SessionTimeout)
}

// refuseLoss refuses changes that can lose messages, unless that is allowed.
func refuseLoss(planned Plan, options Options, operator Operator) error {
	var losing []string
	for _, c := range planned.Changes {
		if c.CanLose {
			losing = append(losing, c.User)
		}
	}
	if len(losing) == 0 {
		return nil
	}
	text := fmt.Sprintf("changes that skip unread messages and can lose them: %d (%s)", len(losing), someOf(losing))
	if options.AllowLoss || options.DryRun {
		operator.Note(text)
		return nil
	}
	return fmt.Errorf("%w: %s; to make them anyway, use --allow-loss", ErrRefused, text)
}

// someOf lists the first few names.
func someOf(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// positionBatch limits a batch of positions in bytes, well below any topic's limit.
const positionBatch = 64 << 10

// fence opens a writer as the tenant's worker does, so a paused worker can no longer write.
func fence(ctx context.Context, cfg Config, operator Operator) (*sink.Writer, error) {
	settings := cfg.Writer
	settings.Limits = sink.Limits{PositionBytes: positionBatch}
	writer, err := sink.OpenWriter(ctx, settings)
	if err != nil {
		return nil, err
	}
	if settings.TransactionalID == "" {
		operator.Note("DELIVERY=idempotent has no transactional ID to fence. A process that is paused now would overwrite this change when it wakes up; make sure there is none.")
	} else {
		operator.Note(fmt.Sprintf("Fenced transactional ID %s: a paused process can no longer write.", settings.TransactionalID))
	}
	return writer, nil
}

// write writes all changes, in one transaction if there are transactions.
func write(ctx context.Context, cfg Config, writer *sink.Writer, stored *offsets.Snapshot, planned Plan, now time.Time) error {
	var records []*kgo.Record
	for _, c := range planned.Changes {
		if c.After == nil {
			records = append(records, stored.Delete(c.User)...)
		} else {
			records = append(records, stored.Put(c.User, *c.After, now)...)
		}
	}
	for _, r := range records {
		writer.WritePosition(r)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.TransactionTimeout)
	defer cancel()
	err := writer.Commit(ctx)
	switch {
	case errors.Is(err, sink.ErrFenced):
		return fmt.Errorf("%w: nothing was written: a connector was started meanwhile and took over the tenant; stop it and try again: %w", ErrRefused, err)
	case err != nil:
		return fmt.Errorf("write positions (\"connector offsets list\" shows whether they were written): %w", err)
	}
	return nil
}
