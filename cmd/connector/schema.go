package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/teams-kafka/connector/internal/config"
	"github.com/teams-kafka/connector/internal/daemon"
	"github.com/teams-kafka/connector/schema"
)

const registryVariables = `The registry and how to sign in to it are taken from SCHEMA_REGISTRY_URL, _USERNAME and _PASSWORD or _TOKEN,
_CA_FILE, _CERT_FILE and _KEY_FILE, the subject from KAFKA_TOPIC: <topic>-value. Nothing else has to be set.`

func schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print, check or register the Avro schema of the record",
		Long: `Print the Avro schema of the record, show whether a schema registry has it, or register it.

A dead letter has no schema: its value is the item itself, in the JSON that Graph sent.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(schemaPrintCommand(), schemaCheckCommand(), schemaRegisterCommand())
	return cmd
}

func schemaPrintCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "print",
		Short:   "Print the schema, byte for byte as it is registered",
		Long:    "Print the Avro schema of the record, byte for byte as it is registered. Needs no configuration.",
		Example: "  connector schema print > chat_message.avsc\n  connector schema print | jq -r '.fields[].name'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), schema.Text())
			return err
		},
	}
}

func schemaCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Tell whether the registry holds the schema, or would take it",
		Long: `Show whether the registry has the schema, and write nothing: whether the subject holds it, and if not,
whether the registry finds it compatible with what the subject holds.

Exit code 0: the subject holds the schema, or would take it. 1: it would not (the registry's explanation is
printed), or the registry cannot be reached. 2: the configuration is wrong, or the registry refuses the request.

` + registryVariables,
		Example: "  SCHEMA_REGISTRY_URL=https://registry:8081 connector schema check",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withRegistry(cmd.Context(), false, func(ctx context.Context, registry *schema.Registry, subject string) error {
				standing, err := registry.Check(ctx, subject)
				if errors.Is(err, schema.ErrIncompatible) {
					fmt.Fprintln(cmd.OutOrStdout(), err)
					return errJudged
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "subject %q: %s\n", subject, standing)
				return nil
			})
		},
	}
}

func schemaRegisterCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "register",
		Short: "Register the schema and print its id",
		Long: `Register the schema, if the subject does not hold it yet, and print its ID. Its compatibility is checked first.
A new subject is given the compatibility level FULL_TRANSITIVE. If the account may register but not set the
level, a warning on standard error says so.

Use it where the connector itself writes nothing (SCHEMA_REGISTRY_MODE=lookup): run it, with an account that
may write, before a new version of the connector is rolled out. It ignores SCHEMA_REGISTRY_MODE.

Exit code 0: the subject holds the schema. 1: the registry cannot be reached. 2: the schema is incompatible, the
configuration is wrong, or the registry refuses the request.

` + registryVariables,
		Example: "  SCHEMA_REGISTRY_URL=https://registry:8081 KAFKA_TOPIC=teams.chat.messages connector schema register",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withRegistry(cmd.Context(), true, func(ctx context.Context, registry *schema.Registry, subject string) error {
				registered, err := registry.Register(ctx, subject)
				if err != nil {
					return err
				}
				if registered.NoLevel != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "warning:", registered.NoLevel)
				}
				fmt.Fprintln(cmd.OutOrStdout(), registered.ID)
				return nil
			})
		},
	}
}

// withRegistry does something with the configured registry and the topic's subject.
func withRegistry(ctx context.Context, write bool, do func(ctx context.Context, registry *schema.Registry, subject string) error) error {
	settings, topic, err := config.LoadRegistry()
	if err != nil {
		return err
	}
	if write {
		settings.Lookup = false
	}
	registry, err := daemon.RegistryClient(settings)
	if err != nil {
		return err
	}
	defer registry.Close()
	return do(ctx, registry, schema.Subject(topic))
}
