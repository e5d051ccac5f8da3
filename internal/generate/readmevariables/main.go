// Command readme writes the table of all variables into the README named by its argument.
package main

import (
	"fmt"
	"os"

	"github.com/teams-kafka/connector/internal/config"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func write(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	updated, err := config.InsertTable(string(text))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(updated), 0o644)
}
