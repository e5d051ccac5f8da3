// Command variables writes the variables into the README and into the page with all of them, which its two arguments name.
package main

import (
	"fmt"
	"os"

	"github.com/teams-kafka/connector/internal/config"
)

func main() {
	readme, all := os.Args[1], os.Args[2]
	for file, text := range map[string]string{readme: config.Short("docs/configuration.md"), all: config.Markdown()} {
		if err := write(file, text); err != nil {
			fmt.Fprintf(os.Stderr, "variables: %s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

func write(file, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	updated, err := config.Insert(string(page), text)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(updated), 0o644)
}
