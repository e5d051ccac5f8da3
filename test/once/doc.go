// Package once fills folders with what is downloaded or built once on a machine and used by many tests.
//
// It promises that a folder is whole when it is there, and that one process fills it at a time.
package once
