package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// goodputs is the report of --faults: for each fault, its rate and each way of reading, how much of what
// goes through without faults goes through with them.
type goodputs struct {
	Cells   []goodput `json:"cells"`
	Seconds float64   `json:"seconds"`
}

// goodput is one cell of the table.
type goodput struct {
	Fault    string  `json:"fault"`
	Rate     float64 `json:"rate"`
	Reading  string  `json:"reading"`
	PageSize int     `json:"page_size"`
	// Share is useful work with the fault over the same without, per second or per request, whichever
	// is less. Waits that Retry-After asked for are not counted as time. Goal is 1 - 3 times the rate of
	// all faults together.
	Share float64 `json:"share"`
	Goal  float64 `json:"goal"`
	// Noise is how far the share can be from its mean, because so few faults happened.
	Noise float64 `json:"noise"`
	Hits  int64   `json:"hits"`
}

func (g goodput) missed() bool { return g.Share+g.Noise < g.Goal }

// errMissed is the error of a table with a cell below its goal.
var errMissed = errors.New("a goal is missed")

// column and row name a cell of the table.
type column struct {
	reading string
	size    int
}

type row struct {
	fault string
	rate  float64
}

// String is the table for people.
func (r *goodputs) String() string {
	var columns []column
	var rows []row
	cells := make(map[row]map[column]goodput)
	for _, g := range r.Cells {
		at, in := row{g.Fault, g.Rate}, column{g.Reading, g.PageSize}
		if cells[at] == nil {
			cells[at] = make(map[column]goodput)
			rows = append(rows, at)
		}
		cells[at][in] = g
		if !slices.Contains(columns, in) {
			columns = append(columns, in)
		}
	}
	var b strings.Builder
	b.WriteString("| fault | rate | goal |")
	for _, in := range columns {
		fmt.Fprintf(&b, " %s, %d |", in.reading, in.size)
	}
	b.WriteString(" result |\n|" + strings.Repeat("---|", 4+len(columns)) + "\n")
	for _, at := range rows {
		fmt.Fprintf(&b, "| %s | %.1f %% | %.3f |", at.fault, 100*at.rate, cells[at][columns[0]].Goal)
		result := "pass"
		for _, in := range columns {
			g := cells[at][in]
			fmt.Fprintf(&b, " %.3f", g.Share)
			if g.missed() {
				b.WriteString(" missed")
				result = "fail"
			}
			b.WriteString(" |")
		}
		b.WriteString(" " + result + " |\n")
	}
	fmt.Fprintf(&b, "%d cells in %.0f s\n", len(r.Cells), r.Seconds)
	return b.String()
}
