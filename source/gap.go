package source

import (
	"slices"
	"time"
)

// Retention is how long Graph shows a deleted message.
const Retention = 21 * 24 * time.Hour

// Gap is a stretch of a user's time, in milliseconds, that cannot be read whole: its deleted messages are
// no longer shown, or Graph does not answer for it.
type Gap struct {
	User     string
	From, To int64
	Seen     time.Time
	// Unanswered is how Graph refuses to show the stretch; nil if only what was deleted is missing.
	Unanswered error
}

// maxGaps is how many gaps a status holds.
const maxGaps = 1000

// The values of the label reason of the gaps' metric.
const (
	gapDeleted    = "deleted"
	gapUnanswered = "unanswered"
)

// reportGap reports that a user's stream has stood still for longer than Graph keeps what is deleted. What
// lies before the stream's start is nobody's gap.
func (p *Poller) reportGap(u *user, now time.Time) {
	kept := now.Add(-Retention).UnixMilli()
	current := u.readBefore(p.cfg.Ladder)
	if current == 0 {
		current = u.reading.window.To // the first window: its end is when it began
	}
	if u.gap || current >= kept {
		return
	}
	u.gap = true
	gap := Gap{User: u.name, From: u.newest(p.cfg.Ladder), To: kept, Seen: now}
	p.cfg.Metrics.gaps.WithLabelValues(gapDeleted).Inc()
	p.cfg.Log.Error("gap: what was deleted in this time is no longer shown by Graph", "user", u.name,
		"from", time.UnixMilli(gap.From).UTC(), "to", time.UnixMilli(gap.To).UTC())
	p.addGap(gap)
}

func (p *Poller) addGap(gap Gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gaps = append(p.gaps, gap)
	if len(p.gaps) > maxGaps {
		p.gaps = slices.Delete(p.gaps, 0, len(p.gaps)-maxGaps)
	}
}

// dropGap takes back what Graph answers for after all.
func (p *Poller) dropGap(gap Gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gaps = slices.DeleteFunc(p.gaps, func(g Gap) bool {
		return g.Unanswered != nil && g.User == gap.User && g.From == gap.From && g.To == gap.To
	})
}
