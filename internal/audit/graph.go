package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/teams-kafka/connector/source"
)

// Graph gives the pages of a user's messages, as source.Client does.
type Graph interface {
	MessagesURL(user string, from, to int64, top int, q source.Query) string
	Page(ctx context.Context, link string) (source.Page, error)
}

// A long range is read in slices, because pages are offsets into a live folder: the fewer pages a slice has,
// the less an item that changes meanwhile can shift others past the reader.
const (
	maxSlice            = 7 * 24 * time.Hour
	minSlice            = time.Minute
	manyPages, fewPages = 40, 10
	maxPages            = 20_000 // ends a slice whose links never end
)

// The patience with one user, in failures in a row.
const (
	maxRetries = 8  // of one page
	maxHolds   = 10 // of one page, each as long as Graph asked for
	maxSlices  = 12 // of one slice read anew
)

// readUser reads all of the range of one user's mailbox. An error is an *source.Error or the context's.
func (a *audit) readUser(ctx context.Context, user string) error {
	length, top, failures := maxSlice, a.cfg.PageSize, 0
	pause := newPause()
	for at, to := a.from, a.to; at < to; {
		end := min(to, at+length.Milliseconds())
		pages, err := a.readSlice(ctx, user, at, end, top)
		if err == nil {
			at, failures = end, 0
			pause.Reset()
			switch {
			case pages > manyPages:
				length = max(minSlice, length/2)
			case pages < fewPages:
				length = min(maxSlice, length*2)
			}
			continue
		}
		var failed *source.Error
		if !errors.As(err, &failed) {
			return err
		}
		switch failed.Action {
		case source.Restart:
			length = max(minSlice, length/2)
		case source.Shrink:
			top = max(1, top/2)
		default:
			return err
		}
		if failures++; failures == maxSlices {
			return err
		}
		if err := wait(ctx, pause.NextBackOff()); err != nil {
			return err
		}
	}
	return nil
}

// readSlice reads the pages from one instant up to, not including, another.
func (a *audit) readSlice(ctx context.Context, user string, from, to int64, top int) (pages int, err error) {
	link := a.cfg.Graph.MessagesURL(user, from, to, top, a.cfg.Query)
	followed := make(map[string]bool)
	for link != "" {
		if followed[link] || pages == maxPages {
			return pages, &source.Error{Action: source.Restart, Reason: source.ErrLinkLoop, Detail: "the pages have no end"}
		}
		page, err := a.page(ctx, link)
		if err != nil {
			return pages, err
		}
		followed[link] = true
		pages++
		a.take(user, page.Items)
		link = page.NextLink
	}
	return pages, nil
}

// page fetches one page, and tries again what passes.
func (a *audit) page(ctx context.Context, link string) (source.Page, error) {
	pause := newPause()
	retries, holds := 0, 0
	for {
		page, err := a.cfg.Graph.Page(ctx, link)
		var failed *source.Error
		if err == nil || !errors.As(err, &failed) {
			return page, err
		}
		switch failed.Action {
		case source.Hold: // the client's gate stays closed for as long as Graph asked
			if holds++; holds == maxHolds {
				return source.Page{}, fmt.Errorf("given up after %d waits: %w", holds, err)
			}
		case source.Retry:
			if retries++; retries == maxRetries {
				return source.Page{}, fmt.Errorf("given up after %d tries: %w", retries, err)
			}
			if err := wait(ctx, pause.NextBackOff()); err != nil {
				return source.Page{}, err
			}
		default:
			return source.Page{}, err
		}
	}
}

func newPause() backoff.BackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMaxInterval(30*time.Second), backoff.WithMaxElapsedTime(0))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
