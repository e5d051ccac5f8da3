package offsetsadmin

import (
	"encoding/json"

	"github.com/teams-kafka/connector/offsets"
)

// View is a position in JSON. Times are in RFC 3339, UTC.
type View struct {
	User       string      `json:"user,omitempty"`
	ReadUpTo   string      `json:"read_up_to,omitempty"`
	NeededFrom string      `json:"still_reads_from,omitempty"`
	Start      string      `json:"start,omitempty"`
	Marks      []MarkView  `json:"marks,omitempty"`
	Window     *WindowView `json:"window,omitempty"`
	Written    string      `json:"written,omitempty"`
	Error      string      `json:"error,omitempty"` // why the position cannot be read
}

// MarkView is the mark of one rung.
type MarkView struct {
	Rung string `json:"rung"`
	At   string `json:"at"`
}

// WindowView is the window in progress.
type WindowView struct {
	From string `json:"from"`
	Done string `json:"done"`
	To   string `json:"to"`
}

// ViewOf returns a stored position as JSON shows it.
func ViewOf(e offsets.Entry) View {
	v := View{}
	if e.Err != nil {
		v.Error = e.Err.Error()
	} else {
		v = *viewPosition(&e.Position)
	}
	v.User, v.Written = e.User, offsets.FormatTime(e.Written.UnixMilli())
	return v
}

// viewPosition returns nil for nil.
func viewPosition(p *offsets.Position) *View {
	if p == nil {
		return nil
	}
	v := &View{ReadUpTo: offsets.FormatTime(p.ReadUpTo()), NeededFrom: offsets.FormatTime(p.NeededFrom()), Start: offsets.FormatTime(p.Start)}
	for _, m := range p.Marks {
		v.Marks = append(v.Marks, MarkView{offsets.FormatDuration(m.Rung), offsets.FormatTime(m.At)})
	}
	if w := p.Window; w != nil {
		v.Window = &WindowView{offsets.FormatTime(w.From), offsets.FormatTime(w.Done), offsets.FormatTime(w.To)}
	}
	return v
}

// MarshalJSON returns the plan as an object of changes and what they mean.
func (p Plan) MarshalJSON() ([]byte, error) {
	type change struct {
		User        string `json:"user"`
		Before      *View  `json:"before"`
		After       *View  `json:"after"`
		Unreadable  bool   `json:"before_unreadable,omitempty"`
		CanLoseData bool   `json:"can_lose"`
	}
	shown := struct {
		Changes []change `json:"changes"`
		Means   []string `json:"means"`
	}{Changes: []change{}, Means: p.Consequences}
	for _, c := range p.Changes {
		shown.Changes = append(shown.Changes, change{c.User, viewPosition(c.Before), viewPosition(c.After), c.Unreadable, c.CanLose})
	}
	return json.Marshal(shown)
}
