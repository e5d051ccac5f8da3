// Package year lives through a year of a tenant's stream in virtual time: source, worker and a Kafka with
// real transactions, in one process. Everything that a year brings happens to it, decided by a seed.
package year
