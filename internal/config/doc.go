// Package config reads the connector's configuration from environment variables, and nothing else.
//
// [Settings] lists all variables; the help, the documentation and the chart's schema are generated from it.
// [Load] turns it into a [Config] of parsed values, or into one error that names every invalid variable, the
// reason and an example.
//
// With several tenants (GRAPH_TENANTS) a variable with a tenant's alias in front applies to that tenant.
//
// It promises that a secret in a Config cannot be printed, that a secret from a file is what the file holds
// when it is used, and that one tenant is never given another's credentials.
//
// It must not know what the values are used for, except where that reveals an error at start: a certificate
// that cannot be read, or roots of two different clouds.
package config
