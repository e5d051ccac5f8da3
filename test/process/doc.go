// Package process runs a program beside a test: what it prints can be waited for, and it can be
// killed and started again.
//
// It promises that no program outlives its test, and that a test that fails shows the end of what its
// programs printed. It ends only what it started.
package process
