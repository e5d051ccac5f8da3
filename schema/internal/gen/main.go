// Command gen writes what is derived from chat_message.avsc: the Go types of package schema and the
// table of fields in the documentation. It is run by go generate in the schema folder.
package main

import (
	"fmt"
	"os"
)

// Where things lie, seen from the schema folder.
const (
	schemaFile = "chat_message.avsc"
	typesFile  = "chat_message.go"
	tableFile  = "../docs/fields.md"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	avsc, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	types, err := goTypes(avsc)
	if err != nil {
		return err
	}
	table, err := fieldTable(avsc)
	if err != nil {
		return err
	}
	if err := os.WriteFile(typesFile, types, 0o644); err != nil {
		return err
	}
	return os.WriteFile(tableFile, table, 0o644)
}
