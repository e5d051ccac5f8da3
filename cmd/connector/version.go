package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/base/buildinfo"
	"github.com/teams-kafka/connector/offsets"
	"github.com/teams-kafka/connector/schema"
)

// The linker sets these in builds without version control information, such as the image's.
var release, commit, date string

// version is what --version, the log and the User-Agent show.
func version() string { return buildinfo.Read(release, commit, date).Version }

// identity is what "connector version" shows.
type identity struct {
	buildinfo.Info
	// SchemaFingerprint is the CRC-64-AVRO fingerprint of the records' schema, in hexadecimal.
	SchemaFingerprint string `json:"schema_fingerprint"`
	// PositionsVersion is the format version of the stored positions.
	PositionsVersion int `json:"positions_version"`
}

func versionCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show what this binary was built from and what it writes",
		Long: `Show version, commit, date and Go version of this binary, the fingerprint of the schema that it writes, and the version of
the positions that it stores. A bug report needs them.

A binary of "go install …@version" names no commit: Go knows only the module's version. One that was built with
-buildvcs=false or from an archive names none either.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i := identity{buildinfo.Read(release, commit, date), fmt.Sprintf("%016x", schema.Fingerprint), offsets.FormatVersion}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), i)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, row := range [][2]string{{"version", i.Version}, {"commit", i.Commit + map[bool]string{true: " (with changes)"}[i.Modified]}, {"date", i.Date},
				{"go", i.Go + " " + i.Platform}, {"schema", "fingerprint " + i.SchemaFingerprint}, {"positions", fmt.Sprintf("version %d", i.PositionsVersion)}} {
				fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
