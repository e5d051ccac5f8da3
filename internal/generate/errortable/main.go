// Command errortable writes the table of failures into the page named by its argument.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/teams-kafka/connector/source"
)

// The lines between which the table is.
const (
	begins = "<!-- errors: generated from source/errors.go by go generate -->\n"
	ends   = "<!-- end of errors -->\n"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "errortable:", err)
		os.Exit(1)
	}
}

func write(file string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(page), begins)
	_, after, closed := strings.Cut(rest, ends)
	if !found || !closed {
		return fmt.Errorf("%s has no place for the table", file)
	}
	return os.WriteFile(file, []byte(before+begins+source.ErrorTable()+ends+after), 0o644)
}
