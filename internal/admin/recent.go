package admin

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// Event is a warning or an error as it was logged.
type Event struct {
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
	Fields  []Field   `json:"fields"`
}

// Field is one of an event's attributes.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// How many events are kept, and how many bytes of a field.
const maxRecent, maxField = 50, 1000

// Recent keeps the last warnings and errors of a log.
type Recent struct {
	mu     sync.Mutex
	events []Event
}

// Watch gives a handler that keeps what passes through it and hands it on.
func (r *Recent) Watch(next slog.Handler) slog.Handler { return watcher{recent: r, next: next} }

// Events are those kept, the newest first.
func (r *Recent) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := append([]Event{}, r.events...) // never null in JSON
	slices.Reverse(events)
	return events
}

func (r *Recent) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == maxRecent {
		r.events = slices.Delete(r.events, 0, 1)
	}
	r.events = append(r.events, e)
}

type watcher struct {
	recent *Recent
	next   slog.Handler
	prefix string // of the groups
	fields []Field
}

func (w watcher) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || w.next.Enabled(ctx, level)
}

func (w watcher) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= slog.LevelWarn {
		e := Event{At: record.Time, Level: record.Level.String(), Message: record.Message, Fields: append([]Field{}, w.fields...)}
		record.Attrs(func(a slog.Attr) bool {
			e.Fields = append(e.Fields, w.field(a))
			return true
		})
		w.recent.add(e)
	}
	if !w.next.Enabled(ctx, record.Level) {
		return nil
	}
	return w.next.Handle(ctx, record)
}

func (w watcher) field(a slog.Attr) Field {
	value := a.Value.Resolve().String()
	if len(value) > maxField {
		cut := maxField
		for !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut] + "…"
	}
	return Field{Name: w.prefix + a.Key, Value: value}
}

func (w watcher) WithAttrs(attrs []slog.Attr) slog.Handler {
	w.fields = slices.Clone(w.fields)
	for _, a := range attrs {
		w.fields = append(w.fields, w.field(a))
	}
	w.next = w.next.WithAttrs(attrs)
	return w
}

func (w watcher) WithGroup(name string) slog.Handler {
	w.prefix += name + "."
	w.next = w.next.WithGroup(name)
	return w
}
