// Package config reads the connector's configuration from environment variables, and nothing else.
//
// [Settings] is the list of all variables, each with its default, an example and a sentence; the table
// in the documentation is generated from it. [Load] turns it into a [Config] of parsed values, or into
// one error that names every variable that is wrong, says why, and gives an example.
//
// With several tenants (GRAPH_TENANTS) a variable can stand for one of them, by the alias in front of its name.
//
// It promises that a secret in a Config cannot be printed, that a secret from a file is what the file holds
// when it is used, and that one tenant is never given another's credentials.
//
// It must not know what the values are used for, but for what can be told wrong before that: a certificate that
// cannot be read, roots of two different clouds.
package config
