// Package house has the tests that keep the code the way a newcomer can read it: small files, small
// functions, a command line that only parses and prints, and walls between packages.
//
// It promises that an exception is written down with its reason, and that an exception which is no longer
// needed fails.
package house
