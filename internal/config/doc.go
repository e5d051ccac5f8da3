// Package config reads the connector's configuration from environment variables, and nothing else.
//
// [Settings] is the list of all variables, each with its default, an example and a sentence; the table
// in the documentation is generated from it. [Load] turns it into a [Config] of parsed values, or into
// one error that names every variable that is wrong, says why, and gives an example.
//
// It promises that a secret in a Config cannot be printed.
package config
